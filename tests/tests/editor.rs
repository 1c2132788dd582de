//! One note in editors on two devices at once, typed as Vietnamese is typed.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests are tests too")]

use std::{sync::Arc, time::Duration};

use nghisu_core::{
    Client, Code,
    client::Editor,
    document::{between, spliced},
    ids::DocumentId,
    store::{Changed, Splice},
};
use nghisu_tests::{
    app::{open, pair},
    canary::copy_folder,
    process::Office,
};
use tempfile::TempDir;
use tokio::time::timeout;

/// No test waits longer for what must happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// What stands in the note.
const BEGUN: &str = "Ghi chú: ";

/// Syllables as they stand after each keystroke of Telex: a letter more, or another in the place of one.
const SYLLABLES: [&[&str]; 6] = [
    &["k", "ki", "kin", "kinh"],
    &["p", "ph", "phi", "phí"],
    &["t", "ti", "tie", "tiê", "tiên", "tiêng", "tiếng"],
    &["V", "Vi", "Vie", "Viê", "Viêt", "Việt"],
    &["d", "đ", "đu", "đuo", "đươ", "đươn", "đương", "đường"],
    &["x", "xa", "xã", "xã 😀"],
];

/// What a screen shows of a note, with its cursor.
struct Screen {
    editor: Editor,
    text: String,
    cursor: usize,
    typed: u64,
}

impl Screen {
    async fn new(client: &Arc<Client>, note: DocumentId) -> Self {
        let editor = client.editor(note).await.unwrap();
        let text = editor.text().await.unwrap();
        Self {
            editor,
            cursor: units(&text),
            text,
            typed: 0,
        }
    }

    /// Types at the cursor what makes `now` of the letters `before` in front of it.
    async fn key(&mut self, before: &str, now: &str) {
        let mut splice = between(before, now).unwrap();
        splice.position += self.cursor - units(before);
        self.text = spliced(&self.text, std::slice::from_ref(&splice)).unwrap();
        self.cursor += units(now);
        self.cursor -= units(before);
        self.editor.type_in(vec![splice]).await.unwrap();
        self.typed += 1;
    }

    /// Shows what has come. The cursor stays behind the letter that it stood behind.
    async fn look(&mut self) {
        let came = self.editor.came().await.unwrap();
        assert_eq!(came.typed, self.typed);
        let before = letter_before(&self.text, self.cursor);
        self.text = spliced(&self.text, &came.splices).unwrap();
        self.cursor = came.moved(self.cursor);
        assert!(self.editor.take(came.id));
        assert_eq!(letter_before(&self.text, self.cursor), before);
    }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

fn letter_before(text: &str, cursor: usize) -> Option<char> {
    let units: Vec<u16> = text.encode_utf16().take(cursor).collect();
    String::from_utf16(&units).unwrap().chars().last()
}

/// Types a sentence and looks after every few keys, as if frames were drawn. Returns the sentence.
async fn sentence(screen: &mut Screen, first: usize, mark: &str) -> String {
    let mut written = String::new();
    screen.key("", mark).await;
    for round in 0..12 {
        let mut before = "";
        for (keys, now) in SYLLABLES[(first + round) % SYLLABLES.len()]
            .iter()
            .enumerate()
        {
            screen.key(before, now).await;
            before = now;
            if (keys + round) % 3 == 0 {
                screen.look().await;
            }
        }
        written.push_str(before);
        screen.key("", " ").await;
        written.push(' ');
    }
    format!("{mark}{written}")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_type_vietnamese_into_one_note_at_once_come_to_one_text_with_every_word_whole() {
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let (phone, tablet, note) = pair(&office, folder.path(), BEGUN).await;
    for client in [&phone, &tablet] {
        client.start_sync();
        client.note_opened(note);
    }
    let (mut one, mut two) = (
        Screen::new(&phone, note).await,
        Screen::new(&tablet, note).await,
    );
    let both =
        async { tokio::join!(sentence(&mut one, 0, "«a»"), sentence(&mut two, 3, "«b»")) };
    let (first, second) = timeout(PATIENCE, both).await.unwrap();

    let mut changes = (phone.subscribe(), tablet.subscribe());
    let agree = async {
        while one.text != two.text || !one.text.contains("«b»") || !one.text.contains("«a»") {
            tokio::select! {
                _ = changes.0.next() => one.look().await,
                _ = changes.1.next() => two.look().await,
            }
        }
    };
    timeout(PATIENCE, agree).await.unwrap();
    for typed in [first, second] {
        assert!(one.text.contains(&typed), "{typed:?} in {:?}", one.text);
    }
    assert_eq!(phone.note(note).await.unwrap().text, one.text);
    assert_eq!(tablet.note(note).await.unwrap().text, one.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_while_something_comes_counts_where_it_was_typed() {
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let (phone, tablet, note) = pair(&office, folder.path(), BEGUN).await;
    let mut screen = Screen::new(&phone, note).await;
    let beside = vec![Splice {
        position: 0,
        delete: 0,
        insert: "Từ máy khác. ".into(),
    }];
    tablet.edit_note(note, beside).await.unwrap();
    tablet.sync().await.unwrap();
    phone.sync().await.unwrap();

    let stale = screen.editor.came().await.unwrap();
    screen.key("", "x").await;

    assert_eq!(stale.splices.len(), 1);
    assert!(!screen.editor.take(stale.id));
    assert_eq!(screen.text, "Ghi chú: x");
    screen.look().await;
    assert_eq!(screen.text, "Từ máy khác. Ghi chú: x");
    assert_eq!(screen.cursor, units(&screen.text));
    assert_eq!(phone.note(note).await.unwrap().text, screen.text);
    let nothing = screen.editor.came().await.unwrap();
    assert_eq!(nothing.splices, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_between_what_came_and_its_taking_moves_no_letter() {
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let (phone, tablet, note) = pair(&office, folder.path(), BEGUN).await;
    let mut screen = Screen::new(&phone, note).await;
    let beside = vec![Splice {
        position: 0,
        delete: 0,
        insert: "Từ máy khác. ".into(),
    }];
    tablet.edit_note(note, beside).await.unwrap();
    tablet.sync().await.unwrap();
    phone.sync().await.unwrap();

    let came = screen.editor.came().await.unwrap();
    screen.text = spliced(&screen.text, &came.splices).unwrap();
    screen.cursor = came.moved(screen.cursor);
    phone.pause().await;
    assert!(screen.editor.take(came.id));
    phone.resume().await.unwrap();
    screen.key("", "x").await;

    assert_eq!(screen.text, "Từ máy khác. Ghi chú: x");
    assert_eq!(phone.note(note).await.unwrap().text, screen.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_error_the_screen_says_what_it_shows_and_a_call_that_was_given_up_is_written_whole()
 {
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let (phone, _, note) = pair(&office, folder.path(), BEGUN).await;
    let editor = phone.editor(note).await.unwrap();
    let at = |position, insert: &str| {
        let insert = insert.to_owned();
        vec![Splice {
            position,
            delete: 0,
            insert,
        }]
    };
    // A device without its store stands for any error that passes.
    phone.pause().await;
    let failed = editor.type_in(at(9, "một")).await;
    assert_eq!(failed.unwrap_err().code(), Code::Paused);
    phone.resume().await.unwrap();
    let after = editor.type_in(at(12, " hai")).await;
    assert_eq!(after.unwrap_err().code(), Code::Paused);
    assert_eq!(editor.came().await.unwrap_err().code(), Code::Paused);

    let note = editor.type_text("Ghi chú: một".into()).await.unwrap();
    assert_eq!(note.text, "Ghi chú: một");
    let note = editor.type_in(at(12, " hai")).await.unwrap();
    assert_eq!(note.text, "Ghi chú: một hai");
    let beyond = editor.type_in(at(99, "?")).await;
    assert_eq!(beyond.unwrap_err().code(), Code::PositionInvalid);
    assert_eq!(editor.text().await.unwrap(), note.text);
    editor.type_text(note.text).await.unwrap();

    let mut changes = phone.subscribe();
    assert_eq!(changes.next().await, Some(Changed::Everything));
    // Polled once, and dropped.
    let mut given_up = Box::pin(editor.type_in(at(16, " ba")));
    let now = std::task::Waker::noop();
    let polled = given_up
        .as_mut()
        .poll(&mut std::task::Context::from_waker(now));
    assert!(polled.is_pending());
    drop(given_up);
    let note = editor.type_in(at(19, " bốn")).await.unwrap();
    assert_eq!(note.text, "Ghi chú: một hai ba bốn");
    // Eight calls wrote or failed, the one among them that nobody waited for.
    assert_eq!(editor.came().await.unwrap().typed, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_goes_on_when_its_note_is_made_anew_beneath_it() {
    let (office, folder) = (Office::start(true), TempDir::new().unwrap());
    let (phone, tablet, note) = pair(&office, folder.path(), BEGUN).await;
    let mut screen = Screen::new(&phone, note).await;
    screen.key("", "trước ").await;
    // Another incarnation of the phone: what it has unsent is made anew.
    phone.shut_down().await;
    let copy = folder.path().join("copy");
    copy_folder(&folder.path().join("phone"), &copy);
    let twin = open(&copy).await;
    let at_end = |text: &str| {
        vec![Splice {
            position: 9,
            delete: 0,
            insert: text.to_owned(),
        }]
    };
    twin.edit_note(note, at_end("bản sao ")).await.unwrap();
    twin.sync().await.unwrap();
    let phone = open(&folder.path().join("phone")).await;
    let mut screen = Screen::new(&phone, note).await;
    screen.key("", "sau ").await;
    while phone.status().await.unwrap().unsent > 0 {
        phone.sync().await.unwrap();
    }
    screen.key("", "và sau nữa ").await;
    screen.look().await;

    assert_eq!(phone.note(note).await.unwrap().text, screen.text);
    phone.sync().await.unwrap();
    tablet.sync().await.unwrap();
    let text = tablet.note(note).await.unwrap().text;
    for word in ["trước", "bản sao", "sau", "và sau nữa"] {
        assert!(text.contains(word), "{word} in {text}");
    }
}
