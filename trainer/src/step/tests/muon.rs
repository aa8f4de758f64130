use super::*;

/// The matrices of blocks, and all other weights.
#[derive(Default)]
struct Parts {
    path: Vec<String>,
    matrices: Vec<f32>,
    others: Vec<f32>,
}

impl ModuleVisitor for Parts {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let matrix = D == 2 && self.path.first().is_some_and(|module| module == "blocks");
        let part = if matrix { &mut self.matrices } else { &mut self.others };
        part.extend(param.val().inner().try_into_vec_as::<f32>().unwrap());
    }
}

#[test]
fn muon_rate_applies_to_block_matrices_only() {
    let folder = fixture::corpus(60, 2.0);
    let corpus = Corpus::open(folder.path()).unwrap();
    let config = config();
    let after = |own: Option<f64>, rate: f64| {
        let muon = Some(Muon { learning_rate: own, ..Muon::default() });
        let settings = recipe::Optimizer { learning_rate: 1e-2, muon, ..recipe::Optimizer::default() };
        let batches = batches(&corpus, 8, (0, 1)).next_step().unwrap().unwrap();
        let (after, _) = training(pass(&config, Recompute::None), &settings, SingleRank).step(&batches, rate).unwrap();
        let mut parts = Parts::default();
        after.model.visit(&mut parts);
        parts
    };
    let (found, slow, fast) = (after(Some(3e-2), 1e-2), after(None, 1e-2), after(None, 3e-2));
    assert_eq!(found.others, slow.others);
    assert_ne!(found.others, fast.others);
    let difference = max_abs_diff(&found.matrices, &fast.matrices);
    assert!(difference < 1e-6 && max_abs_diff(&found.matrices, &slow.matrices) > 1e-3, "{difference}");
}
