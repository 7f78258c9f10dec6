//! Things that cannot be traced.

use tracer_factory::traced;

#[traced]
struct Record;

#[traced]
trait Trait {}

trait Other {
    #[traced]
    fn without_body(&self);
}

#[traced]
const fn constant() -> u8 {
    1
}

struct Type;

#[traced]
impl Type {
    pub const fn new() -> Self {
        Type
    }

    const fn size(&self) -> u8 {
        1
    }
}

// As `#[async_trait]` leaves a method behind.
#[traced]
fn desugared<'life0, 'async_trait>(
    text: &'life0 str,
) -> std::pin::Pin<Box<dyn Future<Output = usize> + Send + 'async_trait>>
where
    'life0: 'async_trait,
{
    Box::pin(async move { text.len() })
}

fn main() {
    // The items are still there.
    let _ = (Record, constant(), Type::new().size(), desugared(""));
}
