//! What a pull request is called and says, by the config.

use std::collections::BTreeSet;

use crate::audit::Record;
use crate::config::placeholders;
use crate::model::{AppId, Promotion};
use crate::output::{self, RequestText};
use crate::report::PromotionReport;

use super::super::Workspace;

/// What the texts of a request are made of.
pub(super) struct Wording<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) report: &'a PromotionReport,
    pub(super) record: &'a Record,
}

impl Wording<'_> {
    /// The title: that of the config, or that of the commit.
    pub(super) fn title(&self) -> String {
        let template = self.workspace.config.delivery.pull_request.title.as_deref();
        let (Some(template), Some(first)) = (template, self.report.promotions.first()) else {
            return self.record.subject();
        };
        let title = self.filled(template, first);
        title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    }

    /// The labels, each once.
    pub(super) fn labels(&self) -> Vec<String> {
        let templates = &self.workspace.config.delivery.pull_request.labels;
        let promotions = &self.report.promotions;
        let all = templates.iter().flat_map(|label| {
            promotions.iter().map(move |promotion| self.filled(label, promotion))
        });
        let labels: BTreeSet<String> = all.collect();
        labels.into_iter().collect()
    }

    /// The text.
    pub(super) fn body(&self) -> String {
        output::pull_request(&RequestText {
            report: self.report,
            record: self.record,
            links: &self.links(),
            back: &self.back(),
        })
    }

    /// The links of the config, and what changed between the versions.
    fn links(&self) -> Vec<(String, String)> {
        let mut links: Vec<(String, String)> = Vec::new();
        for promotion in &self.report.promotions {
            let configured = self.workspace.config.delivery.pull_request.links.iter();
            let own = configured.map(|(name, link)| (name.clone(), self.filled(link, promotion)));
            for link in own.chain(self.changes(promotion)) {
                if !links.contains(&link) {
                    links.push(link);
                }
            }
        }
        links
    }

    /// Where a person sees what changed between the versions of an app.
    fn changes(&self, promotion: &Promotion) -> Option<(String, String)> {
        let source = self.workspace.config.source_of(&promotion.app)?;
        let (old, new) = (promotion.previous.tag.as_ref()?, promotion.version.tag.as_ref()?);
        let name = format!("changes of {}, {old} to {new}", promotion.app);
        Some((name, crate::forge::compare_versions(source, old.as_str(), new.as_str())?))
    }

    /// The commands that go back.
    fn back(&self) -> Vec<String> {
        let mut commands = Vec::new();
        for promotion in self.report.promotions.iter().filter(|p| !p.previous.is_empty()) {
            let (app, to) = (promotion.app.at(&promotion.previous), &promotion.to);
            let command = format!("git promote rollback {to} {app} --pr");
            if !commands.contains(&command) {
                commands.push(command);
            }
        }
        commands
    }

    /// A text of the config, with what it leaves open.
    fn filled(&self, text: &str, promotion: &Promotion) -> String {
        let app: &AppId = &promotion.app;
        let action = if self.record.rollback { "rollback" } else { "promotion" };
        // First: what is filled in may look like a name.
        let text = text.replace("{action}", action);
        placeholders(&text, app, &promotion.to, &promotion.version.to_string())
    }
}
