//! Why a file of the work tree is not written.

use std::io;

use thiserror::Error;

/// Why a file was not written. It is then what it was before.
#[derive(Debug, Error)]
pub enum WorktreeError {
    /// The file or a directory on the way is a symbolic link.
    #[error("`{path}` goes through the symbolic link `{link}`")]
    Symlink {
        /// The file.
        path: String,
        /// The link.
        link: String,
    },
    /// A directory on the way is a repository of its own.
    #[error("`{path}` is in the submodule or nested repository `{nested}`")]
    Nested {
        /// The file.
        path: String,
        /// The directory that has a `.git`.
        nested: String,
    },
    /// The path is none that git could track here.
    #[error("`{path}` is outside the work tree")]
    Outside {
        /// The file.
        path: String,
    },
    /// It is a directory, a socket or the like.
    #[error("`{path}` is no regular file")]
    NotAFile {
        /// The file.
        path: String,
    },
    /// The bytes are not the expected ones.
    #[error("`{path}` was changed in the meantime")]
    Changed {
        /// The file.
        path: String,
    },
    /// The file was to be created and is there.
    #[error("`{path}` exists already")]
    Exists {
        /// The file.
        path: String,
    },
    /// The file is not there.
    #[error("`{path}` does not exist")]
    Missing {
        /// The file.
        path: String,
    },
    /// It could not be read or written.
    #[error("cannot write `{path}`: {source}")]
    Io {
        /// The file.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}

impl WorktreeError {
    /// The file.
    pub fn path(&self) -> &str {
        match self {
            Self::Symlink { path, .. }
            | Self::Nested { path, .. }
            | Self::Outside { path }
            | Self::NotAFile { path }
            | Self::Changed { path }
            | Self::Exists { path }
            | Self::Missing { path }
            | Self::Io { path, .. } => path,
        }
    }

    /// What is wrong with the file, without its name.
    pub fn reason(&self) -> String {
        match self {
            Self::Symlink { path, link } if path == link => "it is a symbolic link".to_owned(),
            Self::Symlink { link, .. } => format!("it is behind the symbolic link `{link}`"),
            Self::Nested { nested, .. } => {
                format!("it is in the submodule or nested repository `{nested}`")
            }
            Self::Outside { .. } => "it is outside the work tree".to_owned(),
            Self::NotAFile { .. } => "it is no regular file".to_owned(),
            Self::Changed { .. } => "it was changed in the meantime".to_owned(),
            Self::Exists { .. } => "it exists already".to_owned(),
            Self::Missing { .. } => "it does not exist".to_owned(),
            Self::Io { source, .. } => source.to_string(),
        }
    }
}
