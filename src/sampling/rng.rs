//! [`Mt19937`]: the Mersenne Twister, which makes the random numbers of a seed.
//!
//! It is written here, and not taken from a crate, because reproducibility is a subject of this project: the same seed
//! must give the same text on every platform, in every release, and in llama.cpp. That fixes both the generator
//! (`std::mt19937`) and the way two of its outputs become one real number (libstdc++'s `generate_canonical`).
//!
//! Not for secrets: 624 outputs reveal all that follow.
//!
//! Source: Matsumoto and Nishimura, "Mersenne Twister", ACM TOMACS 8(1), 1998; C++ standard, [rand.predef].

/// Words of state.
const N: usize = 624;
/// Distance of the word that is mixed in.
const M: usize = 397;

/// `std::mt19937`: 32-bit outputs, period 2^19937 − 1.
#[derive(Debug, Clone)]
pub struct Mt19937 {
    state: [u32; N],
    /// Index of the next word of `state`; `N` if a new batch must be made.
    next: usize,
}

impl Mt19937 {
    /// The generator of this seed. Every seed is valid, 0 included.
    pub fn new(seed: u32) -> Self {
        let mut state = [seed; N];
        for i in 1..N {
            let previous = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(previous ^ (previous >> 30)).wrapping_add(i as u32);
        }
        Self { state, next: N }
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        if self.next == N {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        // "Tempering": the state alone is linear; these shifts spread its bits.
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// A real number in `[0, 1)` from two outputs: `(low + 2^32·high) / 2^64`, as libstdc++ computes
    /// `std::uniform_real_distribution<double>(0, 1)`. Its sum can round up to 2^64; then the result is the largest number below 1.
    pub fn next_f64(&mut self) -> f64 {
        const TWO_32: f64 = 4_294_967_296.0;
        let low = f64::from(self.next_u32());
        let high = f64::from(self.next_u32());
        ((low + high * TWO_32) / (TWO_32 * TWO_32)).min(1.0_f64.next_down())
    }

    /// Makes the next `N` words out of the last `N`.
    fn twist(&mut self) {
        for i in 0..N {
            let joined = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
            let magic = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (joined >> 1) ^ magic;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ten_thousandth_output_is_the_one_the_cpp_standard_requires() {
        let mut rng = Mt19937::new(5489);
        let last = (0..10_000).map(|_| rng.next_u32()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    #[test]
    fn the_first_outputs_are_the_published_ones() {
        // `mt19937ar.out` of the authors starts from an array seed; these are the first five of the scalar seed 5489.
        let mut rng = Mt19937::new(5489);
        let first: Vec<u32> = (0..5).map(|_| rng.next_u32()).collect();
        assert_eq!(first, [3_499_211_612, 581_869_302, 3_890_346_734, 3_586_334_585, 545_404_204]);
    }

    #[test]
    fn reals_stay_below_one() {
        let mut rng = Mt19937::new(0);
        for _ in 0..100_000 {
            let u = rng.next_f64();
            assert!((0.0..1.0).contains(&u), "{u}");
        }
    }
}
