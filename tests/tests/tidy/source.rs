//! Rust text as tokens, paths and functions.

/// One Rust file, as tokens without comments, literals and tests.
pub(crate) struct Source {
    pub(crate) path: String,
    text: String,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq)]
struct Token {
    text: String,
    line: usize,
}

pub(crate) struct CodePath {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    pub(crate) inline_modules: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            tokens: without_tests(&tokens(text)),
        }
    }

    /// Returns `sync`, `wire` for `core/src/sync/wire.rs`, and nothing for the crate's root.
    pub(crate) fn module(&self) -> Vec<String> {
        let inside = self
            .path
            .split_once("src/")
            .unwrap()
            .1
            .trim_end_matches(".rs");
        if inside == "lib" {
            Vec::new()
        } else {
            inside.split('/').map(str::to_owned).collect()
        }
    }

    pub(crate) fn paths(&self) -> Vec<CodePath> {
        let mut found = Vec::new();
        let mut braces = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let text = self.text_at(at);
            match text {
                "{" => braces.push(at >= 2 && self.text_at(at - 2) == "mod"),
                "}" => drop(braces.pop()),
                _ => {}
            }
            if is_name(text) {
                let inline_modules = braces.iter().filter(|is_module| **is_module).count();
                at = self.unfold(at, &mut Vec::new(), inline_modules, &mut found);
            } else {
                at += 1;
            }
        }
        found
    }

    /// Reads one path or `use` tree that begins at a name, and returns where it ends.
    fn unfold(
        &self,
        start: usize,
        prefix: &mut Vec<String>,
        inline_modules: usize,
        found: &mut Vec<CodePath>,
    ) -> usize {
        let depth = prefix.len();
        let mut at = start;
        prefix.push(self.text_at(at).to_owned());
        while self.text_at(at + 1) == "::" && is_name(self.text_at(at + 2)) {
            at += 2;
            prefix.push(self.text_at(at).to_owned());
        }
        let mut end = at + 1;
        if self.text_at(at + 1) == "::" && self.text_at(at + 2) == "{" {
            end = at + 3;
            while end < self.tokens.len() && self.text_at(end) != "}" {
                end = if is_name(self.text_at(end)) {
                    self.unfold(end, prefix, inline_modules, found)
                } else {
                    end + 1
                };
            }
            end += 1;
        } else {
            found.push(CodePath {
                segments: prefix.clone(),
                line: self.tokens[start].line,
                inline_modules,
            });
        }
        prefix.truncate(depth);
        end
    }

    pub(crate) fn functions(&self) -> impl Iterator<Item = (&str, usize, usize)> {
        (0..self.tokens.len())
            .filter(|&at| self.text_at(at) == "fn" && is_name(self.text_at(at + 1)))
            .filter_map(|at| {
                let open = body(&self.tokens, at)?;
                let close = closing(&self.tokens, open);
                let first = self.tokens[at].line;
                Some((
                    self.text_at(at + 1),
                    first,
                    self.tokens[close].line - first + 1,
                ))
            })
    }

    pub(crate) fn lines_outside_tests(&self) -> usize {
        let all = tokens(&self.text);
        let tests: usize = test_items(&all)
            .iter()
            .map(|&(first, last)| all[last].line - all[first].line + 1)
            .sum();
        self.text.lines().count() - tests
    }

    fn text_at(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |token| &token.text)
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Cuts Rust text into names, `::` and single marks; literals become a `"` each.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut found = Vec::new();
    let (mut i, mut line) = (0, 1);
    while i < chars.len() {
        let start = i;
        let token = match (chars[i], at(i + 1)) {
            ('/', '/') => {
                i = (i..chars.len())
                    .find(|&j| chars[j] == '\n')
                    .unwrap_or(chars.len());
                None
            }
            ('/', '*') => {
                i = end_of_comment(&chars, i);
                None
            }
            ('"', _) => {
                i = end_of_string(&chars, i);
                Some("\"".to_owned())
            }
            ('\'', '\\') => {
                i = (i + 3..chars.len())
                    .find(|&j| chars[j] == '\'')
                    .map_or(chars.len(), |j| j + 1);
                Some("\"".to_owned())
            }
            ('\'', _) if at(i + 2) == '\'' => {
                i += 3;
                Some("\"".to_owned())
            }
            (c, _) if c.is_alphabetic() || c == '_' => {
                i = (i..chars.len())
                    .find(|&j| !(chars[j].is_alphanumeric() || chars[j] == '_'))
                    .unwrap_or(chars.len());
                let word: String = chars[start..i].iter().collect();
                let hashes = (i..chars.len()).take_while(|&j| chars[j] == '#').count();
                if matches!(&*word, "r" | "br" | "cr") && at(i + hashes) == '"' {
                    let close: Vec<char> = std::iter::once('"')
                        .chain(std::iter::repeat_n('#', hashes))
                        .collect();
                    let from = i + hashes + 1;
                    i = (from..chars.len())
                        .find(|&j| chars[j..].starts_with(&close))
                        .map_or(chars.len(), |j| j + close.len());
                    Some("\"".to_owned())
                } else {
                    Some(word)
                }
            }
            (':', ':') => {
                i += 2;
                Some("::".to_owned())
            }
            (c, _) => {
                i += 1;
                (!c.is_whitespace()).then(|| c.to_string())
            }
        };
        found.extend(token.map(|text| Token { text, line }));
        line += chars[start..i].iter().filter(|c| **c == '\n').count();
    }
    found
}

fn end_of_comment(chars: &[char], start: usize) -> usize {
    let (mut i, mut depth) = (start, 0);
    while i < chars.len() {
        match chars[i..] {
            ['/', '*', ..] => (depth, i) = (depth + 1, i + 2),
            ['*', '/', ..] => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

fn end_of_string(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let tests = test_items(tokens);
    let is_test = |at: usize| {
        tests
            .iter()
            .any(|&(first, last)| (first..=last).contains(&at))
    };
    (0..tokens.len())
        .filter(|&at| !is_test(at))
        .map(|at| tokens[at].clone())
        .collect()
}

/// Returns the first and the last token of each `#[cfg(test)]` item.
fn test_items(tokens: &[Token]) -> Vec<(usize, usize)> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let is_mark = |at: usize| {
        tokens[at..]
            .iter()
            .map(|t| &*t.text)
            .take(mark.len())
            .eq(mark)
    };
    (0..tokens.len())
        .filter(|&at| is_mark(at))
        .map(|at| {
            (
                at,
                body(tokens, at + mark.len())
                    .map_or_else(|| semicolon(tokens, at), |open| closing(tokens, open)),
            )
        })
        .collect()
}

/// Returns where the body of the item at `start` opens, unless a semicolon ends the item first.
fn body(tokens: &[Token], start: usize) -> Option<usize> {
    let mut nested = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match &*token.text {
            "(" | "[" => nested += 1,
            ")" | "]" => nested -= 1,
            "{" if nested == 0 => return Some(at),
            ";" if nested == 0 => return None,
            _ => {}
        }
    }
    None
}

fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match &*token.text {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len() - 1
}

fn semicolon(tokens: &[Token], start: usize) -> usize {
    (start..tokens.len())
        .find(|&at| tokens[at].text == ";")
        .unwrap_or(tokens.len() - 1)
}
