//! YAML texts of values, laid out as `yamlencode` does it.

use infra_value::{Kind, Value};
use libyaml_safer::{Emitter, Encoding, Event, MappingStyle, ScalarStyle, SequenceStyle};

/// The YAML text of a value that is wholly known.
pub(super) fn encode(value: &Value) -> Result<String, String> {
    if let Some(plain) = plain_text(value)? {
        // A plain scalar alone is followed by the mark that ends a document.
        return Ok(format!("{plain}\n...\n"));
    }
    let mut events = vec![Event::stream_start(Encoding::Utf8), Event::document_start(None, &[], true)];
    write(value, &mut events)?;
    events.extend([Event::document_end(true), Event::stream_end()]);
    let mut out = Vec::new();
    {
        let mut emitter = Emitter::new();
        emitter.set_output_string(&mut out);
        emitter.set_unicode(true);
        for event in events {
            emitter.emit(event).map_err(|e| e.to_string())?;
        }
        emitter.flush().map_err(|e| e.to_string())?;
    }
    let written = String::from_utf8(out).map_err(|e| e.to_string())?;
    // The end mark that the emitter puts behind trailing line ends.
    let written = if written.ends_with("\n...\n") { &written[..written.len() - 4] } else { &written };
    Ok(written.chars().fold(String::with_capacity(written.len()), |mut out, c| {
        if is_supplementary(c) {
            out.push_str(&format!("\\U{:08X}", u32::from(c)));
        } else {
            out.push(c);
        }
        out
    }))
}

/// Whether a character is beyond the basic plane. Terraform escapes these, and therefore always quotes them.
fn is_supplementary(c: char) -> bool {
    c > '\u{ffff}'
}

/// What is written without quotes.
fn plain_text(value: &Value) -> Result<Option<String>, String> {
    Ok(match value.kind() {
        Kind::Null(_) => Some("null".to_owned()),
        Kind::Bool(b) => Some(b.to_string()),
        Kind::Number(n) if n.is_infinite() => Some(if n.is_negative() { "-.inf" } else { ".inf" }.to_owned()),
        Kind::Number(n) => Some(n.to_string()),
        Kind::Unknown(_) => return Err("value is not known".to_owned()),
        _ => None,
    })
}

fn text_event(text: &str) -> Event {
    let literal = text.contains('\n') && !text.contains(is_supplementary);
    let style = if literal { ScalarStyle::Literal } else { ScalarStyle::DoubleQuoted };
    Event::scalar(None, None, text, true, true, style)
}

fn write(value: &Value, events: &mut Vec<Event>) -> Result<(), String> {
    if let Some(plain) = plain_text(value)? {
        events.push(Event::scalar(None, None, &plain, true, true, ScalarStyle::Plain));
        return Ok(());
    }
    if let Some(text) = value.as_str() {
        events.push(text_event(text));
    } else if let Some(elements) = value.elements() {
        let style = if elements.is_empty() { SequenceStyle::Flow } else { SequenceStyle::Block };
        events.push(Event::sequence_start(None, None, true, style));
        for element in elements {
            write(element, events)?;
        }
        events.push(Event::sequence_end());
    } else if let Some(members) = value.members() {
        let style = if members.is_empty() { MappingStyle::Flow } else { MappingStyle::Block };
        events.push(Event::mapping_start(None, None, true, style));
        for (name, member) in members {
            events.push(text_event(name));
            write(member, events)?;
        }
        events.push(Event::mapping_end());
    }
    Ok(())
}
