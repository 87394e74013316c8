//! The real programs, as processes, against each other and against servers of known behaviour.
