//! The material of the workloads as programmes of meetings.

use std::path::PathBuf;

use nghisu_core::{
    ids::Hash,
    meeting::{
        Item, ItemId, Kind, Meeting, Paper, PaperFile, PaperId, Participant, Programme, order,
    },
};
use nghisu_server::import::Imported;

use super::{
    super::material::{Agenda, Edit},
    hall::told,
};

/// Carries an edit out.
pub fn edit(agenda: &mut Agenda, edit: &Edit) {
    match edit {
        Edit::Heading { text } => agenda.heading.clone_from(text),
        Edit::Title { item, text } => agenda.items[*item].title.clone_from(text),
        Edit::Presenter { item, text } => agenda.items[*item].presenter.clone_from(text),
        Edit::Attachment {
            item,
            attachment,
            text,
        } => agenda.items[*item].attachments[*attachment]
            .name
            .clone_from(text),
    }
}

/// Returns an agenda as the programme of the meeting `id`.
pub fn programme(id: &str, agenda: &Agenda) -> Result<Imported, String> {
    let keys = order::assign(&vec![None; agenda.items.len()]);
    let mut programme = Programme {
        meeting: Meeting {
            id: id.to_owned(),
            kind: Some(Kind::RegularSession),
            title: agenda.heading.clone(),
            ..Meeting::default()
        },
        ..Programme::default()
    };
    for (item, order_key) in agenda.items.iter().zip(keys) {
        let mut papers = Vec::new();
        for attachment in &item.attachments {
            let paper: PaperId = attachment.id.parse().map_err(told)?;
            papers.push(paper.clone());
            let file = PaperFile {
                hash: attachment.hash.parse::<Hash>().map_err(told)?,
                length: attachment.length,
                media_type: "application/pdf".into(),
                name: format!("{}.pdf", attachment.id),
                extra: std::collections::BTreeMap::new(),
            };
            let row = Paper {
                title: attachment.name.clone(),
                file: Some(file),
                ..Paper::default()
            };
            programme.papers.insert(paper, row);
        }
        let key: ItemId = item.id.parse().map_err(told)?;
        let row = Item {
            order_key,
            number: Some(item.number.clone()),
            title: item.title.clone(),
            presenters: vec![Participant {
                organisation: Some(item.presenter.clone()),
                ..Participant::default()
            }],
            papers,
            ..Item::default()
        };
        programme.items.insert(key, row);
    }
    Ok(Imported {
        external_id: id.to_owned(),
        programme,
        folder: PathBuf::new(),
        files: Vec::new(),
    })
}
