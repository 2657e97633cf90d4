//! Interleaved rounds: each round measures all peers, one after the other, so that disturbances of the machine affect all of them.

use std::time::Duration;

use anyhow::Result;

use crate::caller::{Ask, Bare, Http, Scatter};
use crate::load::{at_rate, bearable, median};

/// A peer that is measured.
pub enum Contestant {
    Http(Http, Ask),
    Bare(Bare),
    Scatter(Scatter),
}

impl Contestant {
    pub async fn call(&mut self) -> Result<()> {
        match self {
            Self::Http(http, ask) => http.call(ask).await.map(drop),
            Self::Bare(bare) => bare.call().await,
            Self::Scatter(scatter) => scatter.call().await,
        }
    }
}

/// One figure of each contestant in each round.
#[derive(Debug)]
pub struct Rounds(Vec<Vec<f64>>);

impl Rounds {
    /// The median latency of each contestant in milliseconds, at a fixed rate that all of them sustain.
    pub async fn of_medians(
        contestants: &mut [Contestant],
        rounds: usize,
        a_second: f64,
        length: Duration,
    ) -> Result<Self> {
        let mut a_second = a_second;
        // This is also the warm-up round.
        for contestant in contestants.iter_mut() {
            a_second = bearable(a_second, length, async || contestant.call().await).await?;
        }
        let mut all = Vec::new();
        for _ in 0..rounds {
            let mut figures = Vec::new();
            for contestant in contestants.iter_mut() {
                let latencies = at_rate(a_second, length, async || contestant.call().await).await?;
                figures.push(latencies.quantile(0.5));
            }
            all.push(figures);
        }
        Ok(Self(all))
    }

    pub fn from(rounds: Vec<Vec<f64>>) -> Self {
        Self(rounds)
    }

    /// The median over the rounds.
    pub fn value(&self, contestant: usize) -> f64 {
        median(self.0.iter().map(|figures| figures[contestant]).collect())
    }

    /// The median of the rounds' ratios.
    pub fn ratio(&self, of: usize, to: usize) -> f64 {
        let ratios = self.0.iter().map(|figures| figures[of] / figures[to]);
        median(ratios.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_taken_in_each_round_before_the_middle_is() {
        let rounds = Rounds::from(vec![vec![2.0, 1.0], vec![30.0, 10.0], vec![8.0, 2.0]]);
        assert!((rounds.value(0) - 8.0).abs() < 1e-9);
        assert!((rounds.ratio(0, 1) - 3.0).abs() < 1e-9);
    }
}
