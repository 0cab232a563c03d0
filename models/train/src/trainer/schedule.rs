//! The learning rate over a training: a short climb, then a cosine down to nothing.

/// Learning rates of a training of so many steps.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// The highest rate.
    pub peak: f32,
    /// Steps of the climb.
    pub warm_up: usize,
    /// Steps in all.
    pub steps: usize,
}

impl Schedule {
    /// The rate of a step, counted from 0.
    pub fn at(&self, step: usize) -> f32 {
        if step < self.warm_up {
            return self.peak * (step + 1) as f32 / self.warm_up as f32;
        }
        let done = (step - self.warm_up) as f32 / (self.steps - self.warm_up).max(1) as f32;
        self.peak * 0.5 * (1.0 + (std::f32::consts::PI * done).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_climbs_and_then_falls_to_nothing() {
        let schedule = Schedule { peak: 1.0, warm_up: 10, steps: 100 };
        let rates: Vec<f32> = (0..100).map(|step| schedule.at(step)).collect();
        assert!(rates[..10].is_sorted() && rates[9] == 1.0 && rates[10] == 1.0);
        assert!(rates[10..].is_sorted_by(|a, b| a >= b) && rates[99] < 0.001);
    }
}
