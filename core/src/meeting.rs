//! What a meeting is: its programme, papers and outcomes, and what changed in them.
//!
//! A [`Programme`] is a plain value. Secretaries draft it, the office publishes it, devices show it,
//! and each of them holds it in another form (an Automerge document, a table, a file); this module
//! knows none of these and has no IO.
//!
//! - [`body`]: the body itself: terms, organisations, people and their posts, and the rules it goes by.
//! - [`programme`]: the value itself, its JSON, and the way back to OParl.
//! - [`canonical`]: the one way to write JSON that is hashed and signed.
//! - [`order`]: order as a short text on every item, since a map of items has no positions and a
//!   list cannot be merged without doubling what two people moved.
//! - [`drafting`]: the steps by which several secretaries write a draft at once.
//! - [`act`]: what a delegate states, and [`speaking`]: who speaks next after all of them.
//! - [`ruling`]: what the chair and the secretaries state, and [`course`]: how a meeting stands after all of it.
//! - [`minutes`]: what secretaries type, and the text that the chair approves.
//! - [`states`]: how far a thing is and which step may follow; [`deadlines`]: by which day, counted by the
//!   body's own rules; [`follow_up`]: what is still open, and the agenda that follows from it; [`owed`]: all that has
//!   to be done by a day.
//! - [`glossary`]: the one identifier and the one Vietnamese name of each thing.
//! - [`publication`]: what the office publishes of it, and to whom.
//! - [`mod@changes`]: what is different between two programmes, as a delegate would say it. An item is
//!   known by its id, and where an author deletes an item and writes it again, by number and title:
//!   notes on it would be lost otherwise. Renumbering is one change, and never a move.

pub mod act;
pub mod body;
pub mod canonical;
pub mod changes;
pub mod course;
pub mod deadlines;
pub mod drafting;
pub mod follow_up;
pub mod glossary;
pub mod minutes;
pub mod order;
pub mod owed;
pub mod programme;
pub mod publication;
pub mod ruling;
pub mod speaking;
pub mod states;
pub mod view;

pub use canonical::{canonical_json, content_hash};
pub use changes::{Change, changes};
pub use programme::{
    Item, ItemId, ItemType, Kind, Meeting, Ordinal, Outcome, OutcomeId, Paper, PaperFile, PaperId,
    PaperState, Participant, Place, Programme, Recurrence, State, Task, Term,
};
