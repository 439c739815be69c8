//! Actions that hold others: `if`, `with`, `range`, `block`; and those that end or leave them.

use super::{Parsed, Parser};
use crate::lexer::{Keyword, Kind, Token};
use crate::tree::{Action, Arm, Branch, BranchKind, Call, List, Node, Range};

/// What an action is to the list that it stands in.
pub(super) enum Item {
    Node(Node),
    End(Ending),
}

/// How a list ends.
pub(super) enum Ending {
    /// `{{end}}`
    Closed,
    Else,
    /// `{{else if`, of which the condition follows.
    ElseIf,
    /// `{{else with`, of which the pipeline follows.
    ElseWith,
}

impl Ending {
    pub(super) fn keyword(&self) -> &'static str {
        match self {
            Self::Closed => "end",
            Self::Else | Self::ElseIf | Self::ElseWith => "else",
        }
    }
}

impl Parser<'_> {
    /// Texts and actions up to an `{{end}}` or `{{else}}`; `opened` is the keyword of the block.
    pub(super) fn list(&mut self, opened: Token) -> Parsed<(List, Ending)> {
        let mut list = List::new();
        loop {
            let token = self.next();
            match token.kind {
                Kind::Text => list.push(self.text_node(token)),
                Kind::LeftDelimiter => {
                    self.action_start = token.start;
                    match self.action()? {
                        Item::Node(node) => list.push(node),
                        Item::End(end) => return Ok((list, end)),
                    }
                }
                Kind::Eof => {
                    let at = self.source.position(opened.start);
                    let keyword = self.text_of(opened);
                    let reason = format!(
                        "unexpected EOF: {{{{{keyword}}}}} of line {} has no {{{{end}}}}",
                        at.line
                    );
                    return Err(self.error(token.start, reason));
                }
                _ => return Err(self.unexpected(token, "input")),
            }
        }
    }

    /// One action, whose left delimiter has been read.
    pub(super) fn action(&mut self) -> Parsed<Item> {
        let token = self.next_word();
        let Kind::Keyword(keyword) = token.kind else {
            self.give_back(token);
            let pipeline = self.pipeline("command", Kind::RightDelimiter)?;
            return Ok(Item::Node(Node::Action(Action {
                at: token.start,
                pipeline,
                escapers: Vec::new(),
            })));
        };
        let node = match keyword {
            Keyword::If => self.branch(BranchKind::If, token)?,
            Keyword::With => self.branch(BranchKind::With, token)?,
            Keyword::Range => self.range(token)?,
            Keyword::Template => self.call()?,
            Keyword::Block => self.block(token)?,
            Keyword::Break => {
                self.leaves_loop(token, "break")?;
                Node::Break(token.start)
            }
            Keyword::Continue => {
                self.leaves_loop(token, "continue")?;
                Node::Continue(token.start)
            }
            Keyword::End => {
                self.expect(Kind::RightDelimiter, "end")?;
                return Ok(Item::End(Ending::Closed));
            }
            Keyword::Else => return self.else_clause().map(Item::End),
            Keyword::Define => return Err(self.unexpected(token, "command")),
        };
        Ok(Item::Node(node))
    }

    fn else_clause(&mut self) -> Parsed<Ending> {
        let token = self.next_word();
        match token.kind {
            Kind::RightDelimiter => Ok(Ending::Else),
            Kind::Keyword(Keyword::If) => Ok(Ending::ElseIf),
            Kind::Keyword(Keyword::With) => Ok(Ending::ElseWith),
            _ => Err(self.unexpected(token, "else")),
        }
    }

    fn leaves_loop(&mut self, token: Token, keyword: &str) -> Parsed<()> {
        self.expect(Kind::RightDelimiter, keyword)?;
        if self.ranges == 0 {
            let reason = format!("{{{{{keyword}}}}} outside {{{{range}}}}");
            return Err(self.error(token.start, reason));
        }
        Ok(())
    }

    fn branch(&mut self, kind: BranchKind, opened: Token) -> Parsed<Node> {
        let keyword = match kind {
            BranchKind::If => "if",
            BranchKind::With => "with",
        };
        self.enter(opened.start)?;
        let mark = self.scope.names.len();
        let mut arms = Vec::new();
        let otherwise = loop {
            let pipeline = self.pipeline(keyword, Kind::RightDelimiter)?;
            let in_arm = self.scope.names.len();
            let (list, end) = self.list(opened)?;
            // What a pipeline declares can be seen in the arms that follow; what a list does cannot.
            self.scope.end(in_arm);
            arms.push(Arm { pipeline, list });
            match (end, kind) {
                (Ending::Closed, _) => break None,
                (Ending::Else, _) => break Some(self.last_list(opened)?),
                (Ending::ElseIf, BranchKind::If) | (Ending::ElseWith, BranchKind::With) => {}
                (Ending::ElseIf | Ending::ElseWith, _) => {
                    let reason = format!(
                        "an {{{{else}}}} of {{{{{keyword}}}}} may go on with {keyword} only"
                    );
                    return Err(self.error(self.action_start, reason));
                }
            }
        };
        self.scope.end(mark);
        self.leave();
        let at = arms.first().map_or(0, |arm| arm.pipeline.at);
        Ok(Node::Branch(Branch {
            at,
            kind,
            arms,
            otherwise,
        }))
    }

    fn range(&mut self, opened: Token) -> Parsed<Node> {
        self.enter(opened.start)?;
        let mark = self.scope.names.len();
        let pipeline = self.pipeline("range", Kind::RightDelimiter)?;
        let in_loop = self.scope.names.len();
        self.ranges += 1;
        let (list, end) = self.list(opened)?;
        self.ranges -= 1;
        self.scope.end(in_loop);
        let otherwise = match end {
            Ending::Closed => None,
            Ending::Else => Some(self.last_list(opened)?),
            Ending::ElseIf | Ending::ElseWith => {
                let reason = "an {{else}} of {{range}} may not go on with if or with";
                return Err(self.error(self.action_start, reason));
            }
        };
        self.scope.end(mark);
        self.leave();
        Ok(Node::Range(Range {
            at: pipeline.at,
            pipeline,
            list,
            otherwise,
        }))
    }

    /// The list behind the last `{{else}}`.
    fn last_list(&mut self, opened: Token) -> Parsed<List> {
        match self.list(opened)? {
            (list, Ending::Closed) => Ok(list),
            (_, end) => {
                let reason = format!("expected end; found {{{{{}}}}}", end.keyword());
                Err(self.error(self.action_start, reason))
            }
        }
    }

    /// `{{template "name" pipeline}}`. The keyword has been read.
    fn call(&mut self) -> Parsed<Node> {
        let (name, token) = self.template_name("template clause")?;
        let after = self.next_word();
        let pipeline = if after.kind == Kind::RightDelimiter {
            None
        } else {
            self.give_back(after);
            Some(self.pipeline("template clause", Kind::RightDelimiter)?)
        };
        Ok(Node::Template(Call {
            at: token.start,
            name,
            pipeline,
            context: None,
        }))
    }

    /// `{{block "name" pipeline}} … {{end}}`: a definition and a call. The keyword has been read.
    fn block(&mut self, opened: Token) -> Parsed<Node> {
        let (name, token) = self.template_name("block clause")?;
        let pipeline = self.pipeline("block clause", Kind::RightDelimiter)?;
        self.tree(name.clone(), token.start, opened, "block clause")?;
        Ok(Node::Template(Call {
            at: token.start,
            name,
            pipeline: Some(pipeline),
            context: None,
        }))
    }
}
