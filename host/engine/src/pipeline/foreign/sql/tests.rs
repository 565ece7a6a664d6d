//! What is read is the same wherever the pieces end.

use bulkhead_model::Result;

use super::*;

/// What was told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    bytes: Vec<u8>,
    statements: Vec<(String, Vec<Token>)>,
    comments: Vec<String>,
    begun: Option<usize>,
    tokens: Vec<Token>,
    modes: Modes,
}

impl Events for Told {
    fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn begin(&mut self) -> Result<()> {
        assert!(self.begun.is_none());
        self.begun = Some(self.bytes.len());
        Ok(())
    }

    fn token(&mut self, token: Token) -> Result<bool> {
        self.tokens.push(token);
        Ok(!self.tokens[0].is("INSERT") || self.tokens.len() < 3)
    }

    fn end(&mut self) -> Result<Modes> {
        let statement = String::from_utf8_lossy(&self.bytes[self.begun.take().unwrap()..]).into_owned();
        let tokens = std::mem::take(&mut self.tokens);
        if let [set, mode, _, Token::Text(modes)] = tokens.as_slice()
            && set.is("SET")
            && mode.is("sql_mode")
        {
            self.modes = Modes {
                ansi_quotes: modes.contains("ANSI_QUOTES"),
                plain_backslash: modes.contains("NO_BACKSLASH_ESCAPES"),
            };
        }
        self.statements.push((statement, tokens));
        Ok(self.modes)
    }

    fn comment(&mut self, text: &[u8]) -> Result<()> {
        self.comments.push(String::from_utf8_lossy(text).into_owned());
        Ok(())
    }
}

fn read(pieces: &[&[u8]]) -> Result<(Told, Stop)> {
    let (mut lexer, mut told) = (Lexer::default(), Told::default());
    for piece in pieces {
        lexer.read(piece, &mut told)?;
    }
    let stop = lexer.finish(&mut told)?;
    Ok((told, stop))
}

/// Reads it whole, in two pieces that meet anywhere, and byte by byte.
fn told(sql: &[u8]) -> (Told, Stop) {
    let whole = read(&[sql]).unwrap();
    assert_eq!(whole.0.bytes, sql);
    for middle in 0..=sql.len() {
        let (left, right) = sql.split_at(middle);
        assert_eq!(read(&[left, right]).unwrap(), whole, "cut at {middle} of {}", String::from_utf8_lossy(sql));
    }
    assert_eq!(read(&sql.chunks(1).collect::<Vec<_>>()).unwrap(), whole);
    whole
}

fn statements(sql: &str) -> Vec<String> {
    let (told, stop) = told(sql.as_bytes());
    assert_eq!(stop, Stop::Between, "{sql}");
    told.statements.into_iter().map(|(statement, _)| statement).collect()
}

fn tokens(sql: &str) -> Vec<Token> {
    let (told, _) = told(sql.as_bytes());
    told.statements.into_iter().flat_map(|(_, tokens)| tokens).collect()
}

fn words(words: &[&str]) -> Vec<Token> {
    words.iter().map(|word| Token::Word((*word).to_owned())).collect()
}

#[test]
fn a_statement_ends_at_its_delimiter_and_not_within_texts_names_or_comments() {
    for (sql, expected) in [
        ("", &[][..]),
        ("\n ; ;\n", &[]),
        ("a;b ;\nc\nd;", &["a;", "b ;", "c\nd;"]),
        ("a ';' b; c", &["a ';' b;", "c"]),
        (r#"a 'it''s;' "x"";" `y``;`;"#, &[r#"a 'it''s;' "x"";" `y``;`;"#]),
        (r#"a 'it\'s;' "x\";" '\\';b;"#, &[r#"a 'it\'s;' "x\";" '\\';"#, "b;"]),
        (r"a `x\`;b;", &[r"a `x\`;", "b;"]),
        ("a -- ;\n b;", &["a -- ;\n b;"]),
        ("a # ;'\n b;", &["a # ;'\n b;"]),
        ("a --;", &["a --;"]),
        ("a --", &["a --"]),
        ("--a;\nb;", &["b;"]),
        ("a /* ;' */ b;", &["a /* ;' */ b;"]),
        ("/* ;\n' */ b;", &["b;"]),
        ("/*!40101 SET a = 1 */;\n/*M!100101 b */;", &["/*!40101 SET a = 1 */;", "/*M!100101 b */;"]),
        // As the client has it: the end of a statement is seen in what only servers read.
        ("/*!50003 a; b */;", &["/*!50003 a;", "b */;"]),
        ("a 'x\n;y' b;", &["a 'x\n;y' b;"]),
        ("a \\; b;", &["a \\; b;"]),
    ] {
        let told = told(sql.as_bytes());
        let found: Vec<&str> = told.0.statements.iter().map(|(statement, _)| statement.as_str()).collect();
        assert_eq!(found, expected, "{sql}");
    }
}

#[test]
fn a_delimiter_is_what_the_client_takes_for_one() {
    for (sql, expected) in [
        ("DELIMITER ;;\na;b;;\nDELIMITER ;\nc;", &["a;b;;", "c;"][..]),
        ("delimiter //\r\na; b//\r\nDELIMITER ;\r\nc;\r\n", &["a; b//\r", "c;\r"]),
        ("  Delimiter $$  \na;$$ b$$", &["a;$$", "b$$"]),
        ("DELIMITER '|'\na;|b|", &["a;|", "b|"]),
        ("DELIMITER ;;\n'a\nDELIMITER ;\n';;", &["'a\nDELIMITER ;\n';;"]),
        ("DELIMITER ;;\na\nDELIMITER ;\nb;;", &["a\nDELIMITER ;\nb;;"]),
        ("DELIMITER ;;\na /*\nDELIMITER ;\n*/ b;;", &["a /*\nDELIMITER ;\n*/ b;;"]),
        ("DELIMITER //\nEND */ //\nx */// y//", &["END */ //", "x *//", "/ y//"]),
        ("-- one\nDELIMITER ;;\na;;", &["a;;"]),
        ("\n\nDELIMITER ;;\n;;a;;", &["a;;"]),
    ] {
        assert_eq!(statements(sql), expected, "{sql}");
    }
    for sql in ["/* x */\nDELIMITER ;;\n", " \nDELIMITER ;;\n", "DELIMITER\n", "DELIMITER   ", "DELIMITER \\\n"] {
        let failure = read(&[sql.as_bytes()]).unwrap_err();
        assert!(failure.message.starts_with("it holds a "), "{sql}: {failure}");
    }
}

#[test]
fn what_a_quote_and_a_backslash_mean_follows_the_modes_of_the_session() {
    let ansi = "SET sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES';";
    assert_eq!(statements(&format!(r#"{ansi}a 'x\';b "y\";"#)), [ansi, r"a 'x\';", r#"b "y\";"#]);
    assert_eq!(
        tokens(r#"a "b""c" 'd\n''e' `f``g`;"#)[1..],
        [Token::Text("b\"c".into()), Token::Text("d\n'e".into()), Token::Name("f`g".into())]
    );
    assert_eq!(
        tokens(&format!(r#"{ansi}a "b""c" 'd\n';"#))[5..],
        [Token::Name("b\"c".into()), Token::Text("d\\n".into())]
    );
}

#[test]
fn what_a_server_does_not_run_is_no_token() {
    for (sql, expected) in [
        ("a /* b */ c -- d\n# e\nf;", &["a", "c", "f"][..]),
        ("/*!40000 DROP DATABASE*/ /*M!100101 IF EXISTS */ x;", &["DROP", "DATABASE", "IF", "EXISTS", "x"]),
        ("a /*!80016 b */ c /*!50717 d*/ e /*!99999 f */ g;", &["a", "c", "e", "g"]),
        ("/*M!999999\\- enable the sandbox mode */ \n-- x\na;", &["a"]),
        ("a /*! b */ /*!1 c*/;", &["a", "b", "1", "c"]),
        ("\u{feff}a\u{e9}$_1 b;", &["aé$_1", "b"]),
        ("INSERT INTO t VALUES (1);a b c d;", &["INSERT", "INTO", "t", "a", "b", "c", "d"]),
    ] {
        assert_eq!(tokens(sql), words(expected), "{sql}");
    }
    // Within one line, a comment within what only servers read has an end of its own, and the client waits for the other.
    assert_eq!(statements("/*!50003 a /* b */ c; */ d */;"), ["/*!50003 a /* b */ c; */ d */;"]);
    assert_eq!(statements("/*!50003 a\n /* b */ c */;"), ["/*!50003 a\n /* b */ c */;"]);
}

#[test]
fn where_a_file_stops_is_known() {
    for (sql, stop) in [
        ("a;", Stop::Between),
        ("a; -- b", Stop::Between),
        ("a;\n\n", Stop::Between),
        ("a", Stop::Statement),
        ("a -- b;", Stop::Statement),
        ("a 'b;", Stop::Quote),
        ("a 'b''", Stop::Quote),
        ("a 'b\\'", Stop::Quote),
        ("a 'b'", Stop::Statement),
        ("a; /* b", Stop::Comment),
        ("a; /*/", Stop::Comment),
        ("DELIMITER ;;\na;", Stop::Statement),
    ] {
        assert_eq!(told(sql.as_bytes()).1, stop, "{sql}");
    }
}

#[test]
fn comments_of_a_line_are_told_without_its_end() {
    let (told, _) = told(b"-- a\n#b\r\nc -- d\n;-- e");
    assert_eq!(told.comments, ["-- a", "#b\r", "-- d", "-- e"]);
}

#[test]
fn memory_does_not_grow_with_a_statement() {
    let (mut lexer, mut told) = (Lexer::default(), Told::default());
    let row = "(1, 'it''s \\' ; -- x', 0x00),\n".repeat(1000);
    lexer.read(b"INSERT INTO t VALUES ", &mut told).unwrap();
    for _ in 0..50 {
        lexer.read(row.as_bytes(), &mut told).unwrap();
        told.bytes.clear();
    }
    assert!(lexer.held() < 2 * row.len(), "{}", lexer.held());
    let name = format!("CREATE TABLE `{}`;", "x".repeat(1 << 20));
    let (told, _) = read(&[b";", name.as_bytes()]).unwrap();
    assert!(matches!(&told.statements[0].1[2], Token::Name(name) if name.len() == TOKEN_BYTES));
}

/// Any bytes of those that matter, in pieces of any size: no panic, no byte lost, and the same as in one piece.
#[test]
fn any_bytes_in_any_pieces_are_read_as_in_one() {
    let alphabet: [&[u8]; 20] = [
        b";",
        b"'",
        b"\"",
        b"`",
        b"\\",
        b"\n",
        b"/*",
        b"*/",
        b"/*!",
        b"/*M!",
        b"-- ",
        b"--",
        b"#",
        b" ",
        b"x",
        b"DELIMITER ",
        b";;",
        b"\r",
        b"50003",
        b"\xff",
    ];
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    for _ in 0..4000 {
        let sql: Vec<u8> = (0..next(40)).flat_map(|_| alphabet[next(alphabet.len())]).copied().collect();
        let cuts: Vec<usize> = (0..3).map(|_| next(sql.len() + 1)).collect();
        let mut ends = [cuts, vec![sql.len()]].concat();
        ends.sort_unstable();
        let mut start = 0;
        let pieces: Vec<&[u8]> = ends.iter().map(|end| &sql[std::mem::replace(&mut start, *end)..*end]).collect();
        match (read(&[&sql]), read(&pieces)) {
            (Ok(whole), Ok(cut)) => {
                assert_eq!(whole, cut, "{}", String::from_utf8_lossy(&sql));
                assert_eq!(whole.0.bytes, sql);
            }
            (whole, cut) => assert_eq!(whole.err(), cut.err(), "{}", String::from_utf8_lossy(&sql)),
        }
    }
}
