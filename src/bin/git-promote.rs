//! `git promote`.

fn main() -> std::process::ExitCode {
    promote::run(promote::Front::Git)
}
