//! Command traces as text: `clk,cmd,rank,bg,bank,row,col`, with `pc` after `cmd` where there are
//! pseudo channels.

use crate::request::TraceError;
use dram::command::{Command, Issued, Place};

/// How a trace writes its commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether there is a column for the pseudo channel.
    pub pseudo_channels: bool,
    /// Whether activates are called ACT1, because ACT2 follows.
    pub two_step_activate: bool,
}

impl Style {
    /// The style of a trace's text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self {
            pseudo_channels: text.lines().any(|line| line.starts_with("clk,cmd,pc,")),
            two_step_activate: text.contains(",ACT1,"),
        }
    }

    /// The line above the commands.
    #[must_use]
    pub const fn header(self) -> &'static str {
        if self.pseudo_channels {
            "clk,cmd,pc,rank,bg,bank,row,col"
        } else {
            "clk,cmd,rank,bg,bank,row,col"
        }
    }

    /// One command's line; fields that the command does not name stay empty.
    #[must_use]
    pub fn line(self, issued: &Issued) -> String {
        let Issued {
            cycle,
            command,
            place,
        } = issued;
        let name = match command {
            Command::Activate if self.two_step_activate => "ACT1",
            command => command.name(),
        };
        let wide = matches!(command, Command::PrechargeAll | Command::RefreshAll);
        let mut line = format!("{cycle},{name}");
        if self.pseudo_channels {
            line += &format!(",{}", place.pseudo_channel);
        }
        // With pseudo channels a command to all banks names no stack id.
        if wide && self.pseudo_channels {
            line += ",-1";
        } else {
            line += &format!(",{}", place.rank);
        }
        if wide {
            return line + ",,,,";
        }
        line += &format!(",{},{},", place.group, place.bank);
        if !matches!(command, Command::Precharge | Command::RefreshBank) {
            line += &place.row.to_string();
        }
        line += ",";
        if command.is_column() {
            line += &place.column.to_string();
        }
        line
    }
}

/// Reads a command trace of one channel.
///
/// # Errors
/// The first line that is no command.
pub fn parse(text: &str) -> Result<Vec<Issued>, TraceError> {
    Ok(parse_channels(text)?.into_iter().flatten().collect())
}

/// Reads a command trace whose channels follow one another, each under a comment with `channel=`.
///
/// # Errors
/// The first line that is no command.
pub fn parse_channels(text: &str) -> Result<Vec<Vec<Issued>>, TraceError> {
    let style = Style::of(text);
    let mut channels: Vec<Vec<Issued>> = vec![Vec::new()];
    for (index, raw) in text.lines().enumerate() {
        let line = raw.trim();
        if line.starts_with('#') && line.contains("channel=") {
            channels.push(Vec::new());
        }
        if line.is_empty() || line.starts_with('#') || line.starts_with("clk,") {
            continue;
        }
        let issued = parse_line(line, style).map_err(|message| TraceError {
            line: index + 1,
            message,
            text: raw.chars().take(80).collect(),
        })?;
        if let Some(channel) = channels.last_mut() {
            channel.push(issued);
        }
    }
    Ok(channels)
}

fn parse_line(line: &str, style: Style) -> Result<Issued, String> {
    let mut fields = line.split(',');
    let mut next = |name: &str| {
        fields.next().map(str::trim).ok_or_else(|| {
            format!(
                "field `{name}` is missing; a command is `{}`",
                style.header()
            )
        })
    };
    fn number<T: std::str::FromStr + Default>(text: &str, name: &str) -> Result<T, String> {
        if text.is_empty() || text == "-1" {
            return Ok(T::default());
        }
        text.parse()
            .map_err(|_| format!("`{text}` in field `{name}` is no number in range"))
    }
    let cycle = next("clk")?;
    let cycle = cycle
        .parse()
        .map_err(|_| format!("`{cycle}` is no cycle"))?;
    let name = next("cmd")?;
    let command = Command::from_name(name).ok_or_else(|| format!("`{name}` is no command"))?;
    let pseudo_channel = if style.pseudo_channels {
        number(next("pc")?, "pc")?
    } else {
        0
    };
    let issued = Issued {
        cycle,
        command,
        place: Place {
            pseudo_channel,
            rank: number(next("rank")?, "rank")?,
            group: number(next("bg")?, "bg")?,
            bank: number(next("bank")?, "bank")?,
            row: number(next("row")?, "row")?,
            column: number(next("col")?, "col")?,
        },
    };
    match fields.next() {
        None => Ok(issued),
        Some(more) => Err(format!(
            "`{more}` is a field too many; a command is `{}`",
            style.header()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_back_as_they_were_written() {
        let text = "# head\nclk,cmd,rank,bg,bank,row,col\n2,ACT,0,1,2,77,\n24,RD,0,1,2,77,5\n90,PRE,0,1,2,,\n99,REFab,0,,,,\n";
        let style = Style::of(text);
        let commands = parse(text).unwrap();
        let lines: Vec<String> = commands.iter().map(|c| style.line(c)).collect();
        assert_eq!(lines, text.lines().skip(2).collect::<Vec<_>>());
    }

    #[test]
    fn a_broken_line_is_named() {
        let error = parse("clk,cmd,rank,bg,bank,row,col\n2,ACT,0,1,2,77,\n3,JUMP,0,0,0,,\n");
        assert_eq!(error.unwrap_err().line, 3);
        assert!(parse("2,ACT,0,x,2,77,\n").is_err());
        assert!(parse("2,ACT,0\n").is_err());
        assert!(parse("2,ACT,0,1,2,77,,\n").is_err());
    }
}
