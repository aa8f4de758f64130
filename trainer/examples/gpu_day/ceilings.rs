//! `ceilings`: what the device can do at the shapes of the recipes, to compare the kernels of a step with.
//!
//! Times include the launch, but not compiling and tuning: each shape runs twice before it is timed.

use std::time::Instant;

use burn::tensor::{DType, Distribution, Tensor};
use corpusmill_trainer::model::ModelConfig;

use super::session::{Session, progress};
use super::setup::{self, LLAMA_1B, LLAMA_125M, RecipeFiles};
use super::table::{NOT_MEASURED, Table, number};

/// Tokens of the micro-batches, rows of the products.
const TOKENS: usize = 8192;
/// Numbers of the copied tensor: 1 GiB of f32.
const COPIED: usize = 1 << 28;
/// A shape is repeated for about this long.
const SECONDS: f64 = 0.3;
/// And at most this often.
const REPETITIONS: u32 = 50;

/// The order of a product's operands: forward pass, gradient of the input, gradient of the weight.
#[derive(Debug, Clone, Copy)]
enum Order {
    /// `[m, k] · [k, n]`.
    Plain,
    /// `[m, n] · [k, n]ᵀ`.
    RightTransposed,
    /// `[m, k]ᵀ · [m, n]`.
    LeftTransposed,
}

/// One matrix product of a training step.
#[derive(Debug)]
struct Product {
    name: String,
    order: Order,
    m: usize,
    k: usize,
    n: usize,
    dtype: DType,
}

/// Measures all of them, until the time ends.
///
/// # Errors
/// When an operation fails on the device.
pub(crate) fn run(session: &Session) -> anyhow::Result<Table> {
    let columns = ["operation", "shape", "type", "ms", "rate", "unit"];
    let mut table = Table::new(session.title("ceilings"), &columns);
    let count = if session.dry { 1 << 12 } else { COPIED };
    table.rows.push(copy(session, count)?);
    for product in products(session)? {
        let shape = format!("{} × {} × {}", product.m, product.k, product.n);
        let kind = format!("{:?}", product.dtype).to_lowercase();
        progress(&format!("{} {shape} {kind}", product.name));
        let seconds = match session.seconds_left() {
            _ if !session.device.supports_dtype(product.dtype) => None,
            left if left < 10.0 && !session.dry => None,
            _ => Some(seconds_of(session, &product)?),
        };
        let flops = 2.0 * to_float(product.m) * to_float(product.k) * to_float(product.n);
        let rate = number(seconds.map(|seconds| flops / seconds / 1e12), 3);
        let name = product.name;
        table.rows.push(vec![name, shape, kind, number(seconds.map(|it| it * 1e3), 4), rate, "TFLOP/s".to_owned()]);
    }
    table.notes.push(
        "NN: forward; NT: gradient of the input; TN: gradient of the weight. Sums as Burn makes them.".to_owned(),
    );
    if session.seconds_left() < 10.0 && table.rows.iter().flatten().any(|cell| cell == NOT_MEASURED) {
        table.notes.push("The time ended; give more --seconds.".to_owned());
    }
    Ok(table)
}

/// Reads `count` numbers and writes as many.
fn copy(session: &Session, count: usize) -> anyhow::Result<Vec<String>> {
    progress("copy");
    let x = Tensor::<1>::random([count], Distribution::Default, (&session.device, DType::F32));
    let seconds = repeat(session, || drop(x.clone().add_scalar(1.0)))?;
    let rate = 8.0 * to_float(count) / seconds / 1e12;
    let cells = ["copy: x + 1".to_owned(), count.to_string(), "f32".to_owned()];
    Ok(cells.into_iter().chain([number(Some(seconds * 1e3), 4), number(Some(rate), 4), "TB/s".to_owned()]).collect())
}

/// The products of a step of both recipes, the larger first: the type of the recipe, and one in f32.
fn products(session: &Session) -> anyhow::Result<Vec<Product>> {
    let files = RecipeFiles::write()?;
    let changes = if session.dry { setup::dry_changes() } else { Vec::new() };
    let m = if session.dry { 64 } else { TOKENS };
    let mut products = Vec::new();
    for recipe in [LLAMA_1B, LLAMA_125M] {
        let ModelConfig { hidden_size, intermediate_size, vocab_size, .. } = {
            let loaded = setup::load(session, &files.path(recipe), &changes)?;
            let config = setup::config(&loaded, session.dry)?;
            products.extend(orders(recipe.0, "qkv", [m, config.hidden_size, config.qkv_width()]));
            config
        };
        for (part, k, n) in [
            ("attention output", hidden_size, hidden_size),
            ("gate and up", hidden_size, 2 * intermediate_size),
            ("down", intermediate_size, hidden_size),
            ("head", hidden_size, vocab_size),
        ] {
            products.extend(orders(recipe.0, part, [m, k, n]));
        }
        let k = hidden_size;
        let name = format!("{} gate and up NN", recipe.0);
        products.push(Product { name, order: Order::Plain, m, k, n: 2 * intermediate_size, dtype: DType::F32 });
    }
    Ok(products)
}

fn orders(recipe: &str, part: &str, [m, k, n]: [usize; 3]) -> impl Iterator<Item = Product> {
    let orders = [("NN", Order::Plain), ("NT", Order::RightTransposed), ("TN", Order::LeftTransposed)];
    orders
        .map(|(label, order)| {
            let name = format!("{recipe} {part} {label}");
            Product { name, order, m, k, n, dtype: DType::BF16 }
        })
        .into_iter()
}

fn seconds_of(session: &Session, product: &Product) -> anyhow::Result<f64> {
    let Product { m, k, n, dtype, .. } = *product;
    let matrix = |rows: usize, columns: usize| {
        // Zeros would draw less power, and a GPU would run faster than in training.
        let values =
            Tensor::<2>::random([rows, columns], Distribution::Normal(0.0, 1.0), (&session.device, DType::F32));
        values.cast(dtype)
    };
    match product.order {
        Order::Plain => {
            let (left, right) = (matrix(m, k), matrix(k, n));
            repeat(session, || drop(left.clone().matmul(right.clone())))
        }
        Order::RightTransposed => {
            let (left, right) = (matrix(m, n), matrix(k, n));
            repeat(session, || drop(left.clone().matmul(right.clone().transpose())))
        }
        Order::LeftTransposed => {
            let (left, right) = (matrix(m, k), matrix(m, n));
            repeat(session, || drop(left.clone().transpose().matmul(right.clone())))
        }
    }
}

/// Seconds of one call of `operation`, the mean of many in a row.
fn repeat(session: &Session, operation: impl Fn()) -> anyhow::Result<f64> {
    let timed = |times: u32| -> anyhow::Result<f64> {
        let started = Instant::now();
        (0..times).for_each(|_| operation());
        session.sync()?;
        Ok(started.elapsed().as_secs_f64() / f64::from(times))
    };
    // The first compiles and tunes.
    timed(1)?;
    let once = timed(1)?.max(1e-7);
    let times = if session.dry {
        2
    } else {
        (1..=REPETITIONS).rev().find(|&times| f64::from(times) * once <= SECONDS).unwrap_or(1)
    };
    timed(times)
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
fn to_float(number: usize) -> f64 {
    number as f64
}
