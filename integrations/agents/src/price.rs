//! What tokens cost. Prices are the user's to say: they change, and depend on contracts.

use crate::model_response::Usage;

/// US dollars for a million tokens of one model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    input: f64,
    cached: f64,
    output: f64,
}

/// A price that can't be.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "a price of {0} US dollars for a million tokens makes no sense; it must be a number that is not negative"
)]
pub struct PriceError(f64);

impl Price {
    /// US dollars for a million tokens in and out. Cached ones cost as much as others.
    pub fn per_million(input: f64, output: f64) -> Result<Self, PriceError> {
        Ok(Self { input: sensible(input)?, cached: input, output: sensible(output)? })
    }

    /// US dollars for a million tokens that come from a cache.
    pub fn cached_per_million(self, cached: f64) -> Result<Self, PriceError> {
        Ok(Self { cached: sensible(cached)?, ..self })
    }

    /// US dollars for so many tokens.
    pub fn of(&self, usage: &Usage) -> f64 {
        let cached = usage.cached_tokens.min(usage.input_tokens);
        let fresh = usage.input_tokens - cached;
        let [fresh, cached, output] = [fresh, cached, usage.output_tokens].map(|tokens| tokens as f64);
        (fresh * self.input + cached * self.cached + output * self.output) / 1e6
    }
}

fn sensible(price: f64) -> Result<f64, PriceError> {
    if price.is_finite() && price >= 0.0 { Ok(price) } else { Err(PriceError(price)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_have_their_own_price() {
        let price = Price::per_million(2.0, 10.0).unwrap();
        let usage = Usage { input_tokens: 1_000_000, cached_tokens: 250_000, output_tokens: 100_000 };
        assert_eq!(price.of(&usage), 3.0);
        assert_eq!(price.cached_per_million(0.0).unwrap().of(&usage), 2.5);
        let odd = Usage { input_tokens: 1, cached_tokens: 5, output_tokens: 0 };
        assert_eq!(price.of(&odd), 2e-6, "no more can be cached than there were");
    }

    #[test]
    fn prices_make_sense() {
        for price in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(Price::per_million(price, 1.0).is_err() && Price::per_million(1.0, price).is_err());
        }
        assert!(PriceError(-1.0).to_string().contains("-1"));
    }
}
