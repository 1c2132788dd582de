//! What must hold, told by somebody who knows nothing of the product but its ids.
//!
//! The model is told what people typed and stated, what the office let in and took back, and which
//! entries the office's log then had. It has no documents, no sessions and no database of its own: what
//! a device may show follows from the characters that were typed and the numbers of the log alone.

pub(super) mod access;
pub(super) mod acts;
pub(super) mod log;
pub(super) mod notes;

/// Somebody who writes: one life of a device's folder. A folder that is put back begins another one.
pub(super) type Author = usize;

/// What the model answers: nothing, or in words what is wrong.
pub(super) type Verdict = Result<(), String>;
