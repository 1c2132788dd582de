//! The body itself: its terms, organisations, people, posts and rules.

use nghisu_core::meeting::body::rules_on;

use crate::{
    Device, Result,
    records::{BodyOnDay, BodyStatement, Duty, Language, day},
};

#[uniffi::export]
impl Device {
    /// Returns what the office has stated of the body, with all that was and will be; nothing until it has.
    /// It is here without a network. Read it again after `Change::Everything`.
    pub async fn body(&self, language: Language) -> Result<Option<BodyStatement>> {
        self.run(|client| async move {
            let stated = client.body().await?;
            Ok(stated.map(|stated| BodyStatement::new(stated, language)))
        })
        .await
    }

    /// Returns the body as it is on a day, such as "2026-12-24"; nothing until the office has stated it. Its
    /// people stand in `body`.
    pub async fn body_on(&self, day: String, language: Language) -> Result<Option<BodyOnDay>> {
        let day = self::day(&day)?;
        self.run(|client| async move {
            let stated = client.body().await?;
            Ok(stated.map(|stated| BodyOnDay::new(&stated.body.on(day), language)))
        })
        .await
    }

    /// Returns the day by whose end a duty that follows from an event has to be done, by the rules that are in
    /// force on the day of the event, or by those that a body begins with where it has stated none; nothing if
    /// there is no rule for it. Both are days such as "2026-12-24".
    pub async fn due(&self, duty: Duty, event: String) -> Result<Option<String>> {
        let event = day(&event)?;
        self.run(|client| async move {
            let stated = client.body().await?;
            let rules = rules_on(stated.as_ref().map(|stated| &stated.body), event);
            Ok(rules.due(duty.into(), event).map(|day| day.to_string()))
        })
        .await
    }
}
