//! The table of variables as Markdown, for the README and the guide.

use std::fmt::Write;

use super::vars::VARS;

/// Every variable by section: what it takes, its default, what it does.
pub fn readme_table() -> String {
    let mut table = String::new();
    let mut section = "";
    for var in VARS {
        if var.section != section {
            section = var.section;
            let gap = if table.is_empty() { "" } else { "\n" };
            let _ = write!(
                table,
                "{gap}#### {section}\n\n| Variable | Takes | Default | Meaning |\n|---|---|---|---|\n"
            );
        }
        let default = match var.default.strip_prefix('(').and_then(|words| words.strip_suffix(')')) {
            Some(words) => cell(words),
            None => format!("`{}`", var.default),
        };
        let secret = if var.secret { " Secret: shown nowhere." } else { "" };
        let row =
            format!("| `{}` | {} | {default} | {}{secret} |", var.name, cell(&var.allowed()), cell(var.help));
        let _ = writeln!(table, "{row}");
    }
    table
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_has_one_whole_row() {
        let table = readme_table();
        for var in VARS {
            let rows: Vec<_> =
                table.lines().filter(|row| row.starts_with(&format!("| `{}` |", var.name))).collect();
            assert_eq!(rows.len(), 1, "{}", var.name);
            assert_eq!(rows[0].replace("\\|", "").matches('|').count(), 5, "{}", rows[0]);
        }
        assert!(!table.contains('<'), "Markdown would take it for HTML");
        let sections = table.lines().filter(|line| line.starts_with("#### ")).count();
        let distinct: std::collections::BTreeSet<_> = VARS.iter().map(|var| var.section).collect();
        assert_eq!(sections, distinct.len(), "a section is split");
    }
}
