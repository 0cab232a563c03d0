//! Upper and lower case, as Python's methods have it.

/// The four letters that are two letters in one, with a form for the beginning of a word.
fn title_digraph(c: char) -> Option<char> {
    match c {
        'Ǆ' | 'ǅ' | 'ǆ' => Some('ǅ'),
        'Ǉ' | 'ǈ' | 'ǉ' => Some('ǈ'),
        'Ǌ' | 'ǋ' | 'ǌ' => Some('ǋ'),
        'Ǳ' | 'ǲ' | 'ǳ' => Some('ǲ'),
        _ => None,
    }
}

fn is_cased(c: char) -> bool {
    c.is_uppercase() || c.is_lowercase() || title_digraph(c).is_some()
}

/// Writes a letter as words begin: `ß` becomes `Ss`.
fn push_title(c: char, out: &mut String) {
    if let Some(title) = title_digraph(c) {
        return out.push(title);
    }
    let mut upper = c.to_uppercase();
    out.extend(upper.next());
    out.extend(upper.flat_map(char::to_lowercase));
}

/// `str.capitalize`.
pub(super) fn capitalize(text: &str) -> String {
    let mut made = String::new();
    let Some(first) = text.chars().next() else { return made };
    push_title(first, &mut made);
    // Lower case depends on the letters before (a final sigma), so the whole text is lowered and its first letter cut.
    let lower = text.to_lowercase();
    made.extend(lower.chars().skip(first.to_lowercase().count()));
    made
}

/// `str.title`: a word begins wherever a letter stands behind what is none.
pub(super) fn title(text: &str) -> String {
    let mut in_word = false;
    with_lower(text, |c, lower, made| {
        if in_word {
            made.push_str(lower)
        } else {
            push_title(c, made)
        }
        in_word = is_cased(c);
    })
}

/// `str.swapcase`.
pub(super) fn swap(text: &str) -> String {
    with_lower(text, |c, lower, made| match c {
        c if c.is_uppercase() => made.push_str(lower),
        c if c.is_lowercase() => made.extend(c.to_uppercase()),
        c => made.push(c),
    })
}

/// Tells `each` every letter and its lower case, which depends on the letters around it (a final sigma).
fn with_lower(text: &str, mut each: impl FnMut(char, &str, &mut String)) -> String {
    let mut made = String::new();
    let lower = text.to_lowercase();
    let mut lowered = lower.chars();
    for c in text.chars() {
        // The lowered text has the same letters, one or more characters each.
        let same: String = lowered.by_ref().take(c.to_lowercase().count()).collect();
        each(c, &same, &mut made);
    }
    made
}

/// `str.isupper`: there are letters, and none is in lower case.
pub(super) fn is_upper(text: &str) -> bool {
    let wrong = |c: char| c.is_lowercase() || title_digraph(c).is_some_and(|title| title == c);
    text.chars().any(char::is_uppercase) && !text.chars().any(wrong)
}

/// `str.islower`.
pub(super) fn is_lower(text: &str) -> bool {
    let wrong = |c: char| c.is_uppercase() || title_digraph(c).is_some_and(|title| title == c);
    text.chars().any(char::is_lowercase) && !text.chars().any(wrong)
}

/// `str.istitle`: each word begins in upper case and goes on in lower case.
pub(super) fn is_title(text: &str) -> bool {
    let (mut in_word, mut any) = (false, false);
    for c in text.chars() {
        let upper = c.is_uppercase() || title_digraph(c).is_some_and(|title| title == c);
        if (upper && in_word) || (c.is_lowercase() && !in_word) {
            return false;
        }
        in_word = is_cased(c);
        any = any || in_word;
    }
    any
}
