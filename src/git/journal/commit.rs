//! What a `git commit` is about to do, by its command line.

/// Options of git itself that take the next word.
const OF_GIT: [&str; 7] =
    ["-c", "-C", "--git-dir", "--work-tree", "--namespace", "--config-env", "--attr-source"];

/// Options of `git commit` that take the next word, if they have no `=`.
const WITH_VALUE: [&str; 11] = [
    "--message",
    "--file",
    "--reuse-message",
    "--reedit-message",
    "--template",
    "--author",
    "--date",
    "--trailer",
    "--cleanup",
    "--fixup",
    "--squash",
];

/// Options with which it commits more than the index.
const MORE: [&str; 6] =
    ["--only", "--include", "--all", "--patch", "--interactive", "--pathspec-from-file"];

/// Whether a command is a `commit` that commits more than the index: of paths,
/// or of all that changed.
///
/// Such a one keeps the lock of the index from when it has read it until it
/// ends. So one that is there while the lock is ours has not come to it yet. One
/// of the index alone lets go of the lock before its editor opens, which can
/// stay open for hours.
pub(super) fn keeps_the_lock(words: &[&str]) -> bool {
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        match word {
            "commit" => return commits_more(words),
            option if OF_GIT.contains(&option) => _ = words.next(),
            option if option.starts_with('-') => {}
            _ => return false,
        }
    }
    false
}

/// What stands behind `commit`. Git takes a long option also by its beginning.
fn commits_more<'a>(mut words: impl Iterator<Item = &'a str>) -> bool {
    while let Some(word) = words.next() {
        let is_one = |known: &&str| known.starts_with(word.split('=').next().unwrap_or(word));
        match word.strip_prefix('-') {
            // A path.
            None | Some("") => return true,
            Some("-") => return words.next().is_some(),
            Some(long) if long.starts_with('-') => {
                if MORE.iter().any(&is_one) {
                    return true;
                }
                if !word.contains('=') && WITH_VALUE.iter().any(is_one) {
                    words.next();
                }
            }
            Some(short) => match of_short(short) {
                Short::More => return true,
                Short::NextWord => _ = words.next(),
                Short::Other => {}
            },
        }
    }
    false
}

/// What one or more short options say.
enum Short {
    /// It commits more than the index.
    More,
    /// The next word is the value of the last one.
    NextWord,
    /// Neither.
    Other,
}

fn of_short(letters: &str) -> Short {
    for (at, letter) in letters.char_indices() {
        let is_last = at + letter.len_utf8() == letters.len();
        match letter {
            'o' | 'i' | 'a' | 'p' => return Short::More,
            'm' | 'F' | 'C' | 'c' | 't' if is_last => return Short::NextWord,
            // The rest is the value.
            'm' | 'F' | 'C' | 'c' | 't' | 'S' | 'u' => return Short::Other,
            _ => {}
        }
    }
    Short::Other
}

#[cfg(test)]
mod tests {
    use super::keeps_the_lock;

    fn asked(line: &str) -> bool {
        keeps_the_lock(&line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>())
    }

    #[test]
    fn a_commit_of_more_than_the_index_is_told() {
        for line in [
            "commit a.yaml",
            "-c a=b --no-pager -C log commit -m x a.yaml",
            "--config-env a=B --attr-source HEAD --git-dir=.git commit a",
            "commit -m x -- a",
            "commit -am x",
            "commit -qo a",
            "commit --inc -m x a",
            "commit --pathspec-from-file=list",
            "commit --author A -m x -S --date=now a",
            "commit -uno -Skey a",
        ] {
            assert!(asked(line), "{line}");
        }
    }

    #[test]
    fn a_commit_of_the_index_alone_is_not() {
        for line in [
            "",
            "commit",
            "commit -v -m all --",
            "commit -qm x -F all -C only -t a --author A --date D --trailer T --cleanup scissors",
            "commit --amend --mess x --allow-empty --fixup HEAD -S -uall -Sonly",
            "log commit a",
            "-C commit log a",
            "-c commit",
            "--config-env commit a",
        ] {
            assert!(!asked(line), "{line}");
        }
    }
}
