//! Damages files of Protocol Buffers, as bytes and as the messages of which they consist.

use sealquant::network::SplitMix64;

/// Messages nest in each other at most so often; what lies deeper is left as bytes.
const DEPTH_MAX: usize = 10;
/// Largest number of a field that is taken for one: text hardly ever reads as fields with small numbers.
const NUMBER_MAX: u64 = 40;
/// Most copies of a field that are inserted.
const COPIES_MAX: usize = 1 << 10;

#[derive(Clone)]
enum Content {
    Varint(u64),
    Fixed(Vec<u8>),
    Bytes(Vec<u8>),
    Message(Vec<Field>),
}

#[derive(Clone)]
struct Field {
    number: u64,
    content: Content,
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn write_varint(mut value: u64, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// Reads a message; `None` if the bytes are none.
fn parse(mut bytes: &[u8], depth: usize) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let number = key >> 3;
        if !(1..=NUMBER_MAX).contains(&number) {
            return None;
        }
        let mut take = |length: usize| {
            let (taken, rest) = bytes.split_at_checked(length)?;
            bytes = rest;
            Some(taken.to_vec())
        };
        let content = match key & 7 {
            0 => Content::Varint(varint(&mut bytes)?),
            1 => Content::Fixed(take(8)?),
            2 => {
                let length = varint(&mut bytes)?;
                let (inner, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
                bytes = rest;
                let message = (depth < DEPTH_MAX && !inner.is_empty())
                    .then(|| parse(inner, depth + 1))
                    .flatten();
                message.map_or_else(|| Content::Bytes(inner.to_vec()), Content::Message)
            }
            5 => Content::Fixed(take(4)?),
            _ => return None,
        };
        fields.push(Field { number, content });
    }
    Some(fields)
}

fn write(fields: &[Field], to: &mut Vec<u8>) {
    for Field { number, content } in fields {
        let mut key = |wire: u64| write_varint(number << 3 | wire, to);
        match content {
            Content::Varint(value) => {
                key(0);
                write_varint(*value, to);
            }
            Content::Fixed(bytes) => {
                key(if bytes.len() == 8 { 1 } else { 5 });
                to.extend(bytes);
            }
            Content::Bytes(bytes) => {
                key(2);
                write_varint(bytes.len() as u64, to);
                to.extend(bytes);
            }
            Content::Message(fields) => {
                key(2);
                let mut inner = Vec::new();
                write(fields, &mut inner);
                write_varint(inner.len() as u64, to);
                to.extend(inner);
            }
        }
    }
}

/// Calls `each` on the lists of fields of a message and of all within it.
fn lists(fields: &mut Vec<Field>, each: &mut impl FnMut(&mut Vec<Field>)) {
    each(fields);
    for field in fields {
        if let Content::Message(inner) = &mut field.content {
            lists(inner, each);
        }
    }
}

fn count(fields: &mut Vec<Field>) -> usize {
    let mut count = 0;
    lists(fields, &mut |list| count += list.len());
    count
}

/// Calls `change` on the field of this index, with the list that holds it.
fn at(fields: &mut Vec<Field>, mut index: usize, change: impl FnOnce(&mut Vec<Field>, usize)) {
    let mut change = Some(change);
    lists(fields, &mut |list| {
        if change.is_none() {
            return;
        }
        if index >= list.len() {
            index -= list.len();
        } else if let Some(change) = change.take() {
            change(list, index);
        }
    });
}

fn extreme(random: &mut SplitMix64) -> u64 {
    const EXTREMES: [u64; 14] = [
        0,
        1,
        2,
        3,
        7,
        255,
        1 << 10,
        1 << 16,
        1 << 24,
        1 << 31,
        1 << 40,
        1 << 62,
        i64::MIN as u64,
        u64::MAX,
    ];
    EXTREMES[random.between(0, EXTREMES.len() - 1)]
}

fn change_bytes(random: &mut SplitMix64, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        bytes.push(random.next_u64() as u8);
        return;
    }
    let place = random.between(0, bytes.len() - 1);
    match random.between(0, 4) {
        0 => bytes[place] = random.next_u64() as u8,
        1 => bytes[place] ^= 1 << random.between(0, 7),
        2 => drop(bytes.remove(place)),
        3 => bytes.truncate(place),
        _ => bytes.insert(place, [0, 1, 0x7f, 0x80, 0xff][random.between(0, 4)]),
    }
}

/// Changes one field, perhaps into one of the other file.
fn change_field(random: &mut SplitMix64, fields: &mut Vec<Field>, other: &mut Vec<Field>) {
    let place = random.between(0, count(fields).max(1) - 1);
    let mut donor = None;
    let from = random.between(0, count(other).max(1) - 1);
    at(other, from, |list, index| donor = Some(list[index].clone()));
    at(fields, place, |list, index| {
        let number = list[index].number;
        match random.between(0, 6) {
            0 => drop(list.remove(index)),
            1 => {
                let copies = 1 << random.between(0, COPIES_MAX.ilog2() as usize);
                let copy = vec![list[index].clone(); copies];
                list.splice(index..index, copy);
            }
            2 => {
                let to = random.between(0, list.len() - 1);
                list.swap(index, to);
            }
            3 | 4 => {
                // Mostly in the place of a field of the same number.
                if let Some(donor) = donor {
                    let number = if random.between(0, 3) == 0 {
                        donor.number
                    } else {
                        number
                    };
                    list[index] = Field { number, ..donor };
                }
            }
            _ => match &mut list[index].content {
                Content::Varint(value) => *value = extreme(random),
                Content::Fixed(bytes) => bytes.fill([0, 1, 0x7f, 0xff][random.between(0, 3)]),
                Content::Bytes(bytes) => change_bytes(random, bytes),
                Content::Message(inner) => inner.reverse(),
            },
        }
    });
}

/// Tells whether a file consists of messages.
pub fn consists_of_messages(file: &[u8]) -> bool {
    parse(file, 0).is_some()
}

/// Returns one of the files, mostly changed; a file that does not consist of messages as it is.
pub fn damage(random: &mut SplitMix64, files: &[Vec<u8>]) -> Vec<u8> {
    let mut chosen = || random.between(0, files.len() - 1);
    let (one, other) = (&files[chosen()], &files[chosen()]);
    let (Some(mut fields), Some(mut other)) = (parse(one, 0), parse(other, 0)) else {
        return one.clone();
    };
    for _ in 0..random.between(0, 3) {
        change_field(random, &mut fields, &mut other);
    }
    let mut bytes = Vec::new();
    write(&fields, &mut bytes);
    if random.between(0, 3) == 0 {
        change_bytes(random, &mut bytes);
    }
    bytes
}
