//! Torn writes: the size of files is limited to so many bytes, so that a write
//! stops in the middle of what it had to say. The program is killed by the
//! signal for it, or, where that is ignored, told of the error.

use crate::fault::Fault;
use crate::sweep::{Outcome, Scene, Tally, Way, gather, parallel};
use crate::verify::{Stroke, Violation};

/// Larger than any file that a promotion of the scenes writes.
const MOST: usize = 3000;

/// Promotions with files of at most 0, `step`, 2 `step`, ... bytes.
pub(crate) fn torn(scene: &Scene, step: usize) -> Tally {
    let sizes: Vec<usize> = (0..MOST).step_by(step).collect();
    gather(parallel(sizes.len() * 2, |at| one(scene, sizes[at / 2], at % 2 == 0)))
}

fn one(scene: &Scene, size: usize, told: bool) -> Outcome {
    let (copy, case) = scene.start();
    let root = copy.root();
    let signal = if told { "--ignore-signal=XFSZ" } else { "--default-signal=XFSZ" };
    let limit = ["prlimit", "--core=0", &format!("--fsize={size}"), "env", signal];
    let command = [&limit.map(str::to_owned)[..], &scene.command].concat();
    let output = Scene::run(&root, &command);
    let fault = Fault::Error("EFBIG");
    let mut found: Vec<Violation> = case.struck(&root, &output, Stroke { point: None, fault });
    found.extend(scene.mend(&case, &root, Way::Again));
    let kind = if told { "EFBIG" } else { "XFSZ" };
    (kind.to_owned(), format!("{kind} at {size} bytes"), (found, true))
}

#[test]
fn a_write_that_is_torn_leaves_a_promotion_whole_or_not_there() {
    if !crate::trace::available() {
        return;
    }
    // Every size is in the whole sweep.
    torn(&Scene::promotion(1), 61).settle("one file, torn, some");
}
