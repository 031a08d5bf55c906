//! A slot map as it is written in a file.

use super::index::Index;
use super::slot_map::{SlotClasses, SlotMap};
use serde::{Deserialize, Serialize};

/// Largest number of entries of a map: more than any plan has, few enough for memory.
const MAX_ENTRIES: usize = 1 << 24;

/// A slot map that has not been checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SlotMapLiteral {
    /// Number of slots of a ciphertext.
    slots: usize,
    /// Number of slots of an image.
    image_slots: usize,
    /// Number of slots of a logit.
    logit_slots: usize,
    /// Number of logits of an image.
    logits: usize,
    /// Number of consecutive slots of a logit, and the distance at which they repeat, if they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    classes: Option<[usize; 2]>,
    /// For each ciphertext of a request, the values of an image in its slots.
    inputs: Vec<Vec<SlotRun>>,
}

/// A run of slots: `[count]` for empty ones, or `[count, first, step]` for the values `first`, `first` + `step`, and so
/// on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum SlotRun {
    Values(usize, usize, isize),
    Empty([usize; 1]),
}

impl SlotRun {
    fn count(self) -> usize {
        match self {
            Self::Values(count, _, _) | Self::Empty([count]) => count,
        }
    }

    /// Returns the value in a slot of the run: `Err` if it is none of an image's.
    fn at(self, slot: usize, values: usize) -> Result<Option<Index>, SlotMapError> {
        let Self::Values(_, first, step) = self else {
            return Ok(None);
        };
        let offset = isize::try_from(slot)
            .ok()
            .and_then(|at| at.checked_mul(step));
        let value = offset.and_then(|offset| first.checked_add_signed(offset));
        let value = value.filter(|&value| value < values);
        value
            .map(|value| Some(Index::new(value)))
            .ok_or(SlotMapError("inputs: a value that no image has"))
    }
}

/// A fault of a slot map: the field, and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("slot_map.{0}")]
pub struct SlotMapError(&'static str);

/// Describes a list of values by as few runs as following each other from the left gives.
fn runs(values: &[Option<Index>]) -> Vec<SlotRun> {
    let number = |at: usize| values.get(at).map(|value| value.map(Index::get));
    let mut runs = Vec::new();
    let mut start = 0;
    while let Some(first) = number(start) {
        let same = |slot: &usize| match (first, number(*slot)) {
            (None, Some(None)) => true,
            (Some(first), Some(Some(value))) => {
                let step = number(start + 1).flatten().unwrap_or(first).cast_signed()
                    - first.cast_signed();
                let along = step * (slot - start).cast_signed();
                first.cast_signed() + along == value.cast_signed()
            }
            _ => false,
        };
        let count = 1 + (start + 1..values.len()).take_while(same).count();
        let step = |first: usize| match number(start + 1).flatten() {
            Some(next) if count > 1 => next.cast_signed() - first.cast_signed(),
            _ => 0,
        };
        runs.push(match first {
            None => SlotRun::Empty([count]),
            Some(first) => SlotRun::Values(count, first, step(first)),
        });
        start += count;
    }
    runs
}

impl SlotMap {
    /// Returns the map as it is written.
    pub(crate) fn to_literal(&self) -> SlotMapLiteral {
        SlotMapLiteral {
            slots: self.slots,
            image_slots: self.image_slots,
            logit_slots: self.logit_slots,
            logits: self.logits,
            classes: self
                .classes
                .map(|SlotClasses { block, period }| [block, period]),
            inputs: self.inputs.iter().map(|values| runs(values)).collect(),
        }
    }

    /// Checks a map for images of `values` values.
    ///
    /// # Errors
    /// [`SlotMapError`] naming the field.
    pub(crate) fn from_literal(
        literal: &SlotMapLiteral,
        values: usize,
    ) -> Result<Self, SlotMapError> {
        let refuse = |fault| Err(SlotMapError(fault));
        let &SlotMapLiteral {
            slots,
            image_slots,
            logit_slots,
            logits,
            ..
        } = literal;
        if !slots.is_power_of_two() || !(2..=1 << 16).contains(&slots) {
            return refuse("slots: must be a power of two up to 65536");
        }
        if !(1..=slots).contains(&image_slots) {
            return refuse("image_slots: must be from 1 to the number of slots");
        }
        if !(1..=image_slots).contains(&logit_slots) {
            return refuse("logit_slots: must be from 1 to the number of slots of an image");
        }
        if !(1..=MAX_ENTRIES).contains(&logits) {
            return refuse("logits: must be 1 or more");
        }
        let mut entries = 0_usize;
        for ciphertext in &literal.inputs {
            let counts = ciphertext.iter().map(|run| run.count());
            let count = counts.fold(0, usize::saturating_add);
            if !(1..=image_slots).contains(&count) {
                return refuse("inputs: a list must fill from 1 slot to all slots of an image");
            }
            entries = entries.saturating_add(count);
        }
        if entries == 0 || entries > MAX_ENTRIES {
            return refuse("inputs: there must be at least one, and not too many for memory");
        }
        let list = |ciphertext: &Vec<SlotRun>| {
            let values = |run: &SlotRun| {
                let run = *run;
                (0..run.count()).map(move |slot| run.at(slot, values))
            };
            ciphertext.iter().flat_map(values).collect()
        };
        let inputs = literal.inputs.iter().map(list).collect::<Result<_, _>>()?;
        let Some([block, period]) = literal.classes else {
            return Ok(Self::new(slots, inputs, image_slots, logit_slots, logits));
        };
        let row = slots / 2;
        let divides = |number: usize, of: usize| number >= 1 && of.is_multiple_of(number);
        if !divides(block, period) || !divides(period, row) {
            return refuse("classes: the block must divide the period, and that a row of slots");
        }
        let map = Self::with_classes(slots, inputs, SlotClasses { block, period }, logits);
        if (map.image_slots, map.logit_slots) != (image_slots, logit_slots) {
            return refuse("classes: do not fit the numbers of slots");
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test may panic")]
    use super::*;
    use proptest::prelude::*;

    fn literal(text: &str) -> SlotMapLiteral {
        serde_json::from_str(text).unwrap()
    }

    proptest! {
        #[test]
        fn maps_come_back(
            lists in prop::collection::vec(prop::collection::vec(prop::option::of(0_usize..6), 1..=8), 1..4),
        ) {
            let list = |list: &Vec<Option<usize>>| -> Vec<Option<Index>> {
                list.iter().map(|value| value.map(Index::new)).collect()
            };
            let map = SlotMap::new(16, lists.iter().map(list).collect(), 8, 2, 3);
            let text = serde_json::to_string(&map.to_literal()).unwrap();
            let read = SlotMap::from_literal(&literal(&text), 6).unwrap();
            prop_assert_eq!(read, map);
        }
    }

    #[test]
    fn regular_maps_take_few_runs() {
        let values: Vec<Option<Index>> = (0..64)
            .map(|slot| (slot % 16 < 8).then(|| Index::new(2 * slot)))
            .collect();
        assert_eq!(runs(&values).len(), 8);
    }

    #[test]
    fn impossible_maps_are_refused() {
        let good =
            r#"{"slots":16,"image_slots":4,"logit_slots":2,"logits":3,"inputs":[[[2,0,1],[2]]]}"#;
        assert!(SlotMap::from_literal(&literal(good), 2).is_ok());
        for (from, to, field) in [
            (r#""slots":16"#, r#""slots":15"#, "slots"),
            (r#""slots":16"#, r#""slots":1048576"#, "slots"),
            (r#""image_slots":4"#, r#""image_slots":0"#, "image_slots"),
            (r#""image_slots":4"#, r#""image_slots":17"#, "image_slots"),
            (r#""logit_slots":2"#, r#""logit_slots":0"#, "logit_slots"),
            (r#""logit_slots":2"#, r#""logit_slots":5"#, "logit_slots"),
            (r#""logits":3"#, r#""logits":0"#, "logits"),
            (r"[[2,0,1],[2]]", r"[[2,1,1],[2]]", "inputs"),
            (r"[[2,0,1],[2]]", r"[[2,0,-1]]", "inputs"),
            (r"[[2,0,1],[2]]", r"[[3,0,0],[2]]", "inputs"),
            (
                r"[[2,0,1],[2]]",
                r"[[2,0,1],[18446744073709551615]]",
                "inputs",
            ),
            (r"[[2,0,1],[2]]", r"[[2,0,9223372036854775807]]", "inputs"),
            (r"[[2,0,1],[2]]", "[]", "inputs"),
            (r"[[[2,0,1],[2]]]", "[]", "inputs"),
            (r#""logits":3"#, r#""logits":3,"classes":[0,4]"#, "classes"),
            (r#""logits":3"#, r#""logits":3,"classes":[3,4]"#, "classes"),
            (r#""logits":3"#, r#""logits":3,"classes":[1,4]"#, "classes"),
        ] {
            let text = good.replace(from, to);
            assert_ne!(text, good);
            let error = SlotMap::from_literal(&literal(&text), 2).unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("slot_map.{field}")),
                "{error}"
            );
        }
    }
}
