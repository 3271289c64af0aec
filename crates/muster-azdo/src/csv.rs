//! Comma-separated values (RFC 4180), as far as answers use them.

/// What is wrong with a text; in words that hold nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CsvFault(pub(crate) &'static str);

/// The records of a text, their fields without the blanks around them. Lines without any text are no records.
///
/// # Errors
/// When a quoted field does not end, or something follows its end.
pub(crate) fn records(text: &str) -> Result<Vec<Vec<String>>, CsvFault> {
    let mut records = Vec::new();
    let mut reader = Reader { rest: text };
    while !reader.rest.is_empty() {
        let record = reader.record()?;
        if record.iter().any(|field| !field.is_empty()) {
            records.push(record);
        }
    }
    Ok(records)
}

struct Reader<'a> {
    rest: &'a str,
}

/// What follows a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Field,
    Record,
}

impl Reader<'_> {
    fn record(&mut self) -> Result<Vec<String>, CsvFault> {
        let mut fields = Vec::new();
        loop {
            let (field, next) = self.field()?;
            fields.push(field);
            if next == Next::Record {
                return Ok(fields);
            }
        }
    }

    fn field(&mut self) -> Result<(String, Next), CsvFault> {
        // The service puts a blank after each comma.
        let start = self.rest.trim_start_matches([' ', '\t']);
        let value = match start.strip_prefix('"') {
            Some(quoted) => {
                self.rest = quoted;
                let value = self.quoted()?;
                if !self.unquoted().trim().is_empty() {
                    return Err(CsvFault("something follows the end of a quoted field"));
                }
                value
            }
            None => self.unquoted(),
        };
        Ok((value.trim().to_owned(), self.separator()))
    }

    /// Up to the quote that ends it; two of them stand for one.
    fn quoted(&mut self) -> Result<String, CsvFault> {
        let mut value = String::new();
        loop {
            let (part, rest) = self.rest.split_once('"').ok_or(CsvFault("a quoted field does not end"))?;
            value.push_str(part);
            match rest.strip_prefix('"') {
                Some(rest) => {
                    value.push('"');
                    self.rest = rest;
                }
                None => {
                    self.rest = rest;
                    return Ok(value);
                }
            }
        }
    }

    fn unquoted(&mut self) -> String {
        let end = self.rest.find([',', '\r', '\n']).unwrap_or(self.rest.len());
        let (value, rest) = self.rest.split_at(end);
        self.rest = rest;
        value.to_owned()
    }

    fn separator(&mut self) -> Next {
        if let Some(rest) = self.rest.strip_prefix(',') {
            self.rest = rest;
            return Next::Field;
        }
        let line_end = ["\r\n", "\n", "\r"].into_iter().find_map(|end| self.rest.strip_prefix(end));
        self.rest = line_end.unwrap_or_default();
        Next::Record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_fields_are_split_wherever_they_end() {
        for (text, expected) in [
            ("", vec![]),
            ("\r\n\n  \r\n", vec![]),
            ("a,b", vec![vec!["a", "b"]]),
            ("a, b ,\r\nc,,d\r\n", vec![vec!["a", "b", ""], vec!["c", "", "d"]]),
            ("a\nb\rc", vec![vec!["a"], vec!["b"], vec!["c"]]),
            ("\"a,1\", \"say \"\"hi\"\"\"", vec![vec!["a,1", "say \"hi\""]]),
            ("\"two\r\nlines\",\"\" \nx,y", vec![vec!["two\r\nlines", ""], vec!["x", "y"]]),
            ("a\"b,ü", vec![vec!["a\"b", "ü"]]),
        ] {
            assert_eq!(records(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn quotes_that_do_not_match_are_refused() {
        for text in ["\"a", "\"a\"b,c", "x,\"a\"\"", "\"a\" \"b\""] {
            assert!(records(text).is_err(), "{text:?}");
        }
    }
}
