//! Data files: read once, held compactly, shared by all users.

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use rand::RngExt;

use super::session::Session;
pub use crate::plan::file::Pick;
use crate::share::Share;

/// The rows of a CSV file. All cells lie in one text, so that a hundred thousand rows cost little more than the file.
pub struct DataSet {
    /// Its name in the scenario.
    pub name: String,
    /// The names of its columns.
    pub columns: Vec<String>,
    /// How a user comes by its row.
    pub pick: Pick,
    /// Its index in the plan and in `Session::rows`.
    index: usize,
    cells: String,
    /// Where each cell ends in `cells`, row by row.
    ends: Vec<u32>,
    next: AtomicUsize,
    /// From one row in order to the next.
    stride: usize,
}

// Cells may be passwords and tokens: they are never printed.
impl std::fmt::Debug for DataSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, columns, pick, .. } = self;
        f.debug_struct("DataSet")
            .field("name", name)
            .field("columns", columns)
            .field("pick", pick)
            .finish_non_exhaustive()
    }
}

impl DataSet {
    /// Reads a CSV file with a header line, the data set number `index` of the plan.
    ///
    /// # Errors
    /// What is wrong with the file, with its path and line.
    pub fn read(name: &str, index: usize, path: &Path, pick: Pick) -> Result<Self, String> {
        let shown = path.display();
        let wrong = |error: csv::Error| match error.position() {
            Some(position) => format!("{shown}:{}: {error}", position.line()),
            None => format!("cannot read `{shown}`: {error}"),
        };
        let file = std::fs::File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("there is no file `{shown}`"),
            _ => format!("cannot read `{shown}`: {error}"),
        })?;
        let size = file.metadata().map_or(0, |it| it.len());
        if size > u64::from(u32::MAX) {
            return Err(format!("`{shown}` is larger than 4 GiB"));
        }
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(file);
        let columns: Vec<String> = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
        if columns.iter().all(String::is_empty) {
            return Err(format!("`{shown}` is empty; its first line names the columns"));
        }
        let (mut cells, mut ends) = (String::with_capacity(size as usize), Vec::new());
        let mut row = csv::StringRecord::new();
        while reader.read_record(&mut row).map_err(wrong)? {
            for cell in &row {
                cells.push_str(cell);
                ends.push(cells.len() as u32);
            }
        }
        if ends.is_empty() {
            return Err(format!("`{shown}` has a header line but no rows"));
        }
        cells.shrink_to_fit();
        ends.shrink_to_fit();
        Ok(Self {
            name: name.to_owned(),
            columns,
            pick,
            index,
            cells,
            ends,
            next: AtomicUsize::new(0),
            stride: 1,
        })
    }

    /// Leaves the rows in order that are other processes' to them. What a user draws or keeps goes by its number in the
    /// whole load, and so is shared already.
    pub fn take_share(&mut self, share: Share) {
        *self.next.get_mut() = share.index() as usize;
        self.stride = share.of() as usize;
    }

    /// Number of rows, at least 1.
    pub fn rows(&self) -> usize {
        self.ends.len() / self.columns.len()
    }

    /// The cell of a row and a column, both below their number.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        let index = row * self.columns.len() + column;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.cells[start..self.ends[index] as usize]
    }

    /// The most users that can have a row of their own, if each needs one.
    pub fn most_users(&self) -> Option<usize> {
        (self.pick == Pick::Unique).then(|| self.rows())
    }

    /// Gives a new user its row: its own for `unique`, else one as for an iteration, so that `on_start` has data too.
    pub fn pick_for_user(&self, session: &mut Session) {
        if self.pick == Pick::Unique {
            session.rows[self.index] = (session.user_index % self.rows() as u64) as usize;
        } else {
            self.pick_for_iteration(session);
        }
    }

    /// Gives a user its row for the iteration that begins.
    pub fn pick_for_iteration(&self, session: &mut Session) {
        match self.pick {
            Pick::Unique => {}
            Pick::Random => session.rows[self.index] = session.rng.random_range(0..self.rows()),
            Pick::InOrder => {
                session.rows[self.index] = self.next.fetch_add(self.stride, Ordering::Relaxed) % self.rows();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::ChaCha8Rng};

    use super::*;

    fn read(text: &str, pick: Pick) -> Result<DataSet, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("things.csv");
        std::fs::write(&path, text).unwrap();
        DataSet::read("things", 0, &path, pick)
    }

    fn session(user_index: u64) -> Session {
        Session {
            slots: vec![],
            rows: vec![0],
            rng: ChaCha8Rng::seed_from_u64(user_index),
            user_index,
            iteration: 0,
        }
    }

    #[test]
    fn cells_are_found_by_row_and_column() {
        let set = read("id, name\n1,\"a, b\"\n2,\n", Pick::Random).unwrap();
        assert_eq!(
            (set.columns.as_slice(), set.rows()),
            (["id".to_owned(), "name".to_owned()].as_slice(), 2)
        );
        assert_eq!([set.cell(0, 0), set.cell(0, 1), set.cell(1, 0), set.cell(1, 1)], ["1", "a, b", "2", ""]);
    }

    #[test]
    fn a_user_keeps_its_unique_row() {
        let set = read("id\n0\n1\n2\n", Pick::Unique).unwrap();
        let mut user = session(2);
        set.pick_for_user(&mut user);
        set.pick_for_iteration(&mut user);
        assert_eq!(set.cell(user.rows[0], 0), "2");
    }

    #[test]
    fn rows_in_order_go_round_over_all_users() {
        let set = read("id\n0\n1\n2\n", Pick::InOrder).unwrap();
        let rows: Vec<usize> = (0..5)
            .map(|user| {
                let mut user = session(user);
                set.pick_for_iteration(&mut user);
                user.rows[0]
            })
            .collect();
        assert_eq!(rows, [0, 1, 2, 0, 1]);
    }

    #[test]
    fn processes_that_share_a_load_share_its_rows() {
        let shares: Vec<_> = Share::all(2).collect();
        let rows = |share: Share, pick| {
            let mut set = read("id\n0\n1\n2\n3\n4\n5\n", pick).unwrap();
            set.take_share(share);
            let pick = |own| {
                let mut user = session(share.user(own));
                set.pick_for_user(&mut user);
                user.rows[0]
            };
            (0..3).map(pick).collect::<Vec<_>>()
        };
        for pick in [Pick::InOrder, Pick::Unique] {
            assert_eq!([rows(shares[0], pick), rows(shares[1], pick)], [[0, 2, 4], [1, 3, 5]]);
        }
    }

    #[test]
    fn random_rows_are_repeated_by_the_same_seed_and_cover_the_file() {
        let set = read("id\n0\n1\n2\n3\n", Pick::Random).unwrap();
        let draw = || {
            let mut user = session(9);
            let draws: Vec<usize> = (0..64)
                .map(|_| {
                    set.pick_for_iteration(&mut user);
                    user.rows[0]
                })
                .collect();
            draws
        };
        assert_eq!(draw(), draw());
        assert!((0..4).all(|row| draw().contains(&row)));
    }

    #[test]
    fn cells_are_not_printed() {
        let set = read("email,password\na@b.example,hunter2\n", Pick::Random).unwrap();
        let shown = format!("{set:?}");
        assert!(shown.contains("password") && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn a_bad_file_is_named_with_its_line() {
        assert!(read("id,name\n1,a\n2\n", Pick::Random).unwrap_err().contains("things.csv:3"));
        assert!(read("", Pick::Random).unwrap_err().contains("is empty"));
        assert!(read("id\n", Pick::Random).unwrap_err().contains("no rows"));
        let missing = DataSet::read("x", 0, Path::new("/nowhere/x.csv"), Pick::Random).unwrap_err();
        assert_eq!(missing, "there is no file `/nowhere/x.csv`");
    }
}
