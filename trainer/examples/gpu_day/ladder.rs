//! The settings that need less and less memory, for when the memory of the device runs out.
//!
//! Invariant: each rung needs less memory than the one before it, and none changes the model.

use corpusmill_trainer::recipe::{Recipe, Recompute};

/// Changes to the recipe, from the recipe as it is: recomputing blocks, then ever smaller micro-batches, then smaller
/// chunks of logits.
pub(crate) fn rungs(recipe: &Recipe) -> Vec<Vec<String>> {
    let mut rungs = vec![Vec::new()];
    let blocks = "compute.recompute=blocks".to_owned();
    if recipe.compute.recompute == Recompute::None {
        rungs.push(vec![blocks.clone()]);
    }
    let batch = recipe.data.batch_sequences;
    let smaller = (1..recipe.data.micro_sequences).rev().filter(|micro| batch.is_multiple_of(*micro));
    let mut last = recipe.data.micro_sequences;
    for micro in smaller {
        // About half at a time; a single sequence in any case.
        if micro == 1 || micro * 2 <= last {
            rungs.push(vec![blocks.clone(), format!("data.micro-sequences={micro}")]);
            last = micro;
        }
    }
    let chunk = (recipe.loss.chunk_tokens / 8).max(1);
    rungs.push(vec![blocks, "data.micro-sequences=1".to_owned(), format!("loss.chunk-tokens={chunk}")]);
    rungs
}
