//! A whole export: from the system through every list to every object, with nothing left over.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Fault, Schemas, Seen, Stands};

/// Everything that is served below one address.
#[derive(Debug, Default)]
pub struct Export {
    /// What all of its addresses begin with.
    pub below: String,
    /// The address of the system's object, where a reader begins.
    pub system: String,
    /// Every JSON document by its address.
    pub documents: BTreeMap<String, Value>,
    /// The addresses of all that is no JSON: files of papers.
    pub files: BTreeSet<String>,
}

impl Schemas {
    /// Checks a whole export as its readers find it: from the system on.
    pub fn check_export(&self, export: &Export) -> Vec<Fault> {
        let mut seen = Seen::new(self);
        let mut read = BTreeSet::new();
        let Some(system) = export.documents.get(&export.system) else {
            seen.fault(&export.system, "there is no system");
            return seen.sorted();
        };
        seen.object(
            &format!("{}#", export.system),
            system,
            Some("System"),
            Stands::Alone,
        );
        read.insert(export.system.clone());
        let mut lists = BTreeMap::new();
        while let Some((address, (class, named_at))) = seen.lists.pop_first() {
            if lists.contains_key(&address) {
                continue;
            }
            let pages = pages(&mut seen, export, &address, &named_at);
            read.extend(pages.iter().map(|(address, _)| (*address).to_owned()));
            let ids = seen.list(&class, &pages, false);
            lists.insert(address, (class, ids));
        }
        for (address, document) in &export.documents {
            if read.contains(address) {
                continue;
            }
            if document["id"].as_str() == Some(address) {
                seen.object(&format!("{address}#"), document, None, Stands::Alone);
            } else {
                seen.fault(
                    address,
                    "nothing leads here, and it is not what it says it is",
                );
            }
        }
        seen.copies();
        seen.references(Some(&export.below));
        seen.listed(lists.values());
        seen.files(export);
        seen.sorted()
    }

    /// Checks the pages of a list that was asked for what has changed since a time: only such a list
    /// has what was deleted.
    pub fn check_changes(&self, class: &str, pages: &[(String, Value)]) -> Vec<Fault> {
        let mut seen = Seen::new(self);
        let pages: Vec<_> = pages
            .iter()
            .map(|(address, page)| (address.as_str(), page))
            .collect();
        seen.list(class, &pages, true);
        seen.copies();
        seen.sorted()
    }
}

/// Returns the pages of a list, as each leads to the next.
fn pages<'v>(
    seen: &mut Seen<'_, 'v>,
    export: &'v Export,
    first: &str,
    named_at: &str,
) -> Vec<(&'v str, &'v Value)> {
    let mut pages: Vec<(&str, &Value)> = Vec::new();
    let mut next = Some((first.to_owned(), named_at.to_owned()));
    while let Some((address, named_at)) = next {
        let Some((address, page)) = export.documents.get_key_value(&address) else {
            seen.fault(&named_at, format!("leads to no list: {address}"));
            break;
        };
        if pages.iter().any(|(earlier, _)| earlier == address) {
            seen.fault(&named_at, format!("leads back to {address}"));
            break;
        }
        pages.push((address, page));
        let follows = page["links"]["next"].as_str();
        next = follows.map(|follows| (follows.to_owned(), format!("{address}#/links/next")));
    }
    pages
}

impl<'v> Seen<'_, 'v> {
    /// Checks the pages of a list and returns the ids that it has.
    fn list(
        &mut self,
        class: &str,
        pages: &[(&'v str, &'v Value)],
        changes: bool,
    ) -> BTreeSet<&'v str> {
        let mut ids = BTreeSet::new();
        let total: usize = pages
            .iter()
            .map(|(_, page)| page["data"].as_array().map_or(0, Vec::len))
            .sum();
        for (index, (address, page)) in pages.iter().enumerate() {
            self.page(index, pages, total);
            let Some(data) = page["data"].as_array() else {
                self.fault(&format!("{address}#/data"), "expected a list");
                continue;
            };
            for (index, object) in data.iter().enumerate() {
                let place = format!("{address}#/data/{index}");
                self.object(&place, object, Some(class), Stands::Alone);
                if object["deleted"] == true && !changes {
                    self.fault(&place, "a deleted object in a list of what there is");
                }
                let id = object["id"].as_str().unwrap_or_default();
                if !ids.insert(id) {
                    self.fault(
                        &format!("{place}/id"),
                        format!("stands in the list twice: {id}"),
                    );
                }
            }
        }
        ids
    }

    fn page(&mut self, index: usize, pages: &[(&str, &Value)], total: usize) {
        let (address, page) = pages[index];
        let [length, first_length] =
            [index, 0].map(|at| pages[at].1["data"].as_array().map_or(0, Vec::len));
        let is_last = index + 1 == pages.len();
        if !is_last && length != first_length {
            self.fault(
                &format!("{address}#/data"),
                "of another length than the first page",
            );
        }
        for part in ["pagination", "links"] {
            if !page[part].is_object() {
                self.fault(&format!("{address}#/{part}"), "expected object");
            }
        }
        let per_page = page["pagination"]["elementsPerPage"].as_u64();
        let fits = |at: u64| {
            if is_last {
                at >= length as u64
            } else {
                at == length as u64
            }
        };
        if per_page.is_some_and(|per_page| !fits(per_page)) {
            let what = format!("there are {length}");
            self.fault(&format!("{address}#/pagination/elementsPerPage"), what);
        }
        let counted = [
            ("totalElements", total),
            ("totalPages", pages.len()),
            ("currentPage", index + 1),
        ];
        for (key, right) in counted {
            let said = &page["pagination"][key];
            if !said.is_null() && said.as_u64() != Some(right as u64) {
                self.fault(
                    &format!("{address}#/pagination/{key}"),
                    format!("{said}; counted {right}"),
                );
            }
        }
        let before = index.checked_sub(1).map(|before| pages[before].0);
        let linked = [
            ("self", Some(address)),
            ("first", Some(pages[0].0)),
            ("prev", before),
            ("last", pages.last().map(|(last, _)| *last)),
        ];
        for (key, right) in linked {
            let said = &page["links"][key];
            if !said.is_null() && said.as_str() != right {
                self.fault(
                    &format!("{address}#/links/{key}"),
                    format!("{said}; expected {right:?}"),
                );
            }
        }
    }

    /// What is embedded somewhere is in the list of its class, where there is one.
    fn listed<'a>(&mut self, lists: impl Iterator<Item = &'a (String, BTreeSet<&'v str>)>)
    where
        'v: 'a,
    {
        let mut of_class: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (class, ids) in lists {
            of_class.entry(class).or_default().extend(ids);
        }
        let mut faults = Vec::new();
        for (id, found) in &self.objects {
            let embedded = found.iter().find(|one| one.stands == Stands::Embedded);
            let Some((one, ids)) =
                embedded.and_then(|one| Some((one, of_class.get(one.class.as_str())?)))
            else {
                continue;
            };
            if !ids.contains(id) {
                faults.push((
                    one.place.clone(),
                    format!("{id} is not in the list of every {}", one.class),
                ));
            }
        }
        faults
            .into_iter()
            .for_each(|(place, what)| self.fault(&place, what));
    }

    /// What a file is reached at is there.
    fn files(&mut self, export: &Export) {
        let mut faults = Vec::new();
        for found in self
            .objects
            .values()
            .flatten()
            .filter(|found| found.class == "File")
        {
            for key in ["accessUrl", "downloadUrl"] {
                let Some(url) = found.fields.get(key).and_then(Value::as_str) else {
                    continue;
                };
                if url.starts_with(&export.below) && !export.files.contains(url) {
                    faults.push((
                        format!("{}/{key}", found.place),
                        format!("leads to nothing: {url}"),
                    ));
                }
            }
        }
        faults
            .into_iter()
            .for_each(|(place, what)| self.fault(&place, what));
    }
}
