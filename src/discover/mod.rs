//! What is where: snapshot and config to the inventory of versions.

mod census;
mod files;
mod guess;
mod inventory;
mod overlay;
mod owner;
mod template;

pub use files::overlay_files;
pub use guess::{guess, guess_layout};
pub use inventory::{Cell, CellKey, Inventory, Part, Reader, Roots, Unreadable, read};
pub use overlay::{Overlay, apps_on, overlays, overlays_of};
pub use owner::{Holds, Owners, holds, reach};
