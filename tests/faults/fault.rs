//! What can go wrong at a system call.

use std::fmt;

/// One way to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// `kill -9` before the call.
    Kill,
    /// Ctrl-C before the call.
    Interrupt,
    /// `kill` before the call.
    Terminate,
    /// The call fails with this error and does nothing.
    Error(&'static str),
}

/// Every fault of the sweep.
pub(crate) const ALL: [Fault; 9] = [
    Fault::Kill,
    Fault::Interrupt,
    Fault::Terminate,
    Fault::Error("ENOSPC"),
    Fault::Error("EIO"),
    Fault::Error("EACCES"),
    Fault::Error("EROFS"),
    Fault::Error("EMFILE"),
    Fault::Error("EINTR"),
];

impl Fault {
    /// How strace is told.
    pub(crate) fn injection(self) -> String {
        match self {
            Self::Kill => "signal=KILL".to_owned(),
            Self::Interrupt => "signal=INT".to_owned(),
            Self::Terminate => "signal=TERM".to_owned(),
            Self::Error(name) => format!("error={name}"),
        }
    }

    /// Whether it is an error that the program is told of.
    pub(crate) fn is_error(self) -> bool {
        matches!(self, Self::Error(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => out.write_str("KILL"),
            Self::Interrupt => out.write_str("INT"),
            Self::Terminate => out.write_str("TERM"),
            Self::Error(name) => out.write_str(name),
        }
    }
}
