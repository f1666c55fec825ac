//! How many faults each sweep strikes. Fewer by more than a fifth is an error:
//! a point that is no longer counted looks like one that holds.
//!
//! A change that makes fewer system calls lowers these on purpose.

/// Faults by sweep.
const EXPECTED: &[(&str, usize)] = &[
    ("one file, killed", 218),
    ("one and five files, some", 176),
    ("one file, by git, some", 26),
    ("five files, files alone, some", 42),
    ("one file, by git", 78),
    ("five files, by git", 134),
    ("one file, files alone", 70),
    ("five files, files alone", 126),
    ("recovery, some", 148),
    ("one file, torn, some", 100),
    ("one file, locked, some", 20),
    ("one file, full disks and mounts", 72),
    ("one file, every fault", 1396),
    ("five files, every fault", 2976),
    ("one file, recovery", 2589),
    ("five files, recovery", 2710),
    ("one file, retry killed", 638),
    ("five files, retry killed", 1046),
    ("one file, torn", 1200),
    ("five files, torn", 546),
    ("one file, locked", 80),
    ("five files, locked", 81),
    ("one file, all full disks and mounts", 120),
    ("five files, all full disks and mounts", 200),
];

/// How many faults a sweep had when it was last looked at.
#[track_caller]
pub(crate) fn expected(name: &str) -> usize {
    let found = EXPECTED.iter().find(|(sweep, _)| *sweep == name);
    found.unwrap_or_else(|| panic!("`{name}` is not in points.rs")).1
}
