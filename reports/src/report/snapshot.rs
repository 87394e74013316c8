use crate::{fixture::Fixture, read::Evidence};

#[test]
fn the_report_of_a_small_record_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    Fixture { seconds: 4, warm_up_s: 1, ..Fixture::default() }.write(folder.path());
    let mut report = super::report(&Evidence::open(folder.path()).unwrap()).unwrap();
    // A new version alone changes no figure.
    report.made_by = "headroom VERSION".to_owned();
    insta::assert_json_snapshot!(report);
}
