//! An agenda as a document of Automerge: what is typed into is a text, what is chosen is a value.

use automerge::{
    ActorId, Automerge, AutomergeError, ObjId, ObjType, ROOT, ReadDoc, ScalarValue,
    transaction::{Transactable, Transaction},
};

use crate::bench::{
    material::{Agenda, Edit, Item},
    peers::words,
};

/// Makes the document of an agenda as a secretary does: each item is a change of its own. With less
/// history Automerge would send all of it for a few edits.
pub(super) fn document(agenda: &Agenda) -> Result<Automerge, String> {
    let mut document = Automerge::new();
    change(&mut document, |t| {
        let heading = t.put_object(ROOT, "heading", ObjType::Text)?;
        t.splice_text(heading, 0, 0, &agenda.heading)?;
        t.put_object(ROOT, "items", ObjType::Map).map(drop)
    })?;
    for item in &agenda.items {
        change(&mut document, |t| write(t, item))?;
    }
    Ok(document)
}

/// Applies edits, each as a change of its own, as another device that has the document.
pub(super) fn edited(
    document: &Automerge,
    agenda: &Agenda,
    edits: &[Edit],
) -> Result<Automerge, String> {
    let mut document = document.clone().with_actor(ActorId::random());
    for edit in edits {
        change(&mut document, |t| apply(t, agenda, edit))?;
    }
    Ok(document)
}

/// Returns all that a screen shows of an agenda, in order.
pub(super) fn shown(document: &Automerge) -> Result<Vec<String>, AutomergeError> {
    let mut shown = vec![text(document, &ROOT, "heading")?];
    let items = within(document, &ROOT, "items")?;
    let mut order = Vec::new();
    for id in document.keys(&items) {
        let item = within(document, &items, &id)?;
        order.push((scalar(document, &item, "order")?, item));
    }
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    for (_, item) in order {
        for (is_text, key) in [(false, "number"), (true, "title"), (false, "presenter")] {
            shown.push(if is_text {
                text(document, &item, key)?
            } else {
                scalar(document, &item, key)?
            });
        }
        let attachments = within(document, &item, "attachments")?;
        for id in document.keys(&attachments) {
            let attachment = within(document, &attachments, &id)?;
            shown.push(scalar(document, &attachment, "name")?);
        }
    }
    Ok(shown)
}

fn change(
    document: &mut Automerge,
    work: impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>,
) -> Result<(), String> {
    let mut transaction = document.transaction();
    work(&mut transaction).map_err(words)?;
    match transaction.commit() {
        (Some(_), _) => Ok(()),
        (None, _) => Err("an edit that changes nothing".to_owned()),
    }
}

fn write(t: &mut Transaction<'_>, item: &Item) -> Result<(), AutomergeError> {
    let items = within(t, &ROOT, "items")?;
    let map = t.put_object(&items, &item.id, ObjType::Map)?;
    t.put(&map, "order", &*item.order)?;
    t.put(&map, "number", &*item.number)?;
    let title = t.put_object(&map, "title", ObjType::Text)?;
    t.splice_text(title, 0, 0, &item.title)?;
    t.put(&map, "presenter", &*item.presenter)?;
    let attachments = t.put_object(&map, "attachments", ObjType::Map)?;
    for attachment in &item.attachments {
        let map = t.put_object(&attachments, &attachment.id, ObjType::Map)?;
        t.put(&map, "name", &*attachment.name)?;
        t.put(&map, "hash", ScalarValue::Bytes(bytes(&attachment.hash)))?;
        t.put(&map, "length", attachment.length)?;
    }
    Ok(())
}

fn apply(t: &mut Transaction<'_>, agenda: &Agenda, edit: &Edit) -> Result<(), AutomergeError> {
    let item = |t: &Transaction<'_>, n: usize| {
        let items = within(t, &ROOT, "items")?;
        within(t, &items, &agenda.items[n].id)
    };
    match edit {
        Edit::Heading { text } => {
            let heading = within(t, &ROOT, "heading")?;
            t.update_text(&heading, text)
        }
        Edit::Title { item: n, text } => {
            let item = item(t, *n)?;
            let title = within(t, &item, "title")?;
            t.update_text(&title, text)
        }
        Edit::Presenter { item: n, text } => {
            let item = item(t, *n)?;
            t.put(item, "presenter", &**text)
        }
        Edit::Attachment {
            item: n,
            attachment,
            text,
        } => {
            let item = item(t, *n)?;
            let attachments = within(t, &item, "attachments")?;
            let id = &agenda.items[*n].attachments[*attachment].id;
            let attachment = within(t, &attachments, id)?;
            t.put(attachment, "name", &**text)
        }
    }
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u8> = hexadecimal
        .chars()
        .filter_map(|digit| digit.to_digit(16)?.try_into().ok())
        .collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn within(document: &impl ReadDoc, object: &ObjId, key: &str) -> Result<ObjId, AutomergeError> {
    match document.get(object, key)? {
        Some((_, found)) => Ok(found),
        None => Err(AutomergeError::InvalidObjId(key.to_owned())),
    }
}

fn text(document: &Automerge, object: &ObjId, key: &str) -> Result<String, AutomergeError> {
    document.text(within(document, object, key)?)
}

fn scalar(document: &Automerge, object: &ObjId, key: &str) -> Result<String, AutomergeError> {
    match document.get(object, key)? {
        Some((value, _)) => Ok(value.as_str().unwrap_or_default().to_owned()),
        None => Err(AutomergeError::InvalidObjId(key.to_owned())),
    }
}
