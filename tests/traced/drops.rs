//! Arguments and locals are dropped in the order of the language.

use std::cell::RefCell;
use std::rc::Rc;

use tracer_factory::traced;

use crate::recorded;

type Log = Rc<RefCell<Vec<&'static str>>>;

/// Says when it is dropped.
struct Noted(&'static str, Log);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

/// The drops in a function of these arguments, and in the same function traced.
macro_rules! twins {
    ($(#[$option:meta])* [$($asyncness:tt)?] ($($arguments:tt)*) $body:block $($await:tt)*) => {{
        $($asyncness)? fn untraced($($arguments)*) $body
        $(#[$option])*
        $($asyncness)? fn checked($($arguments)*) $body
        let noted = |log: &Log| ["first", "second", "third"].map(|name| Noted(name, Rc::clone(log)));
        let expected = Log::default();
        let [a, b, c] = noted(&expected);
        untraced(a, (b, 0), c)$($await)*;
        let log = Log::default();
        let [a, b, c] = noted(&log);
        checked(a, (b, 0), c)$($await)*;
        assert_eq!(log.borrow().len(), 4);
        assert_eq!(log, expected);
    }};
}

#[test]
fn in_functions() {
    let _recorded = recorded();
    twins!(
        #[traced(skip_all)]
        [] (a: Noted, (b, _): (Noted, u8), c: Noted) {
            let _local = Noted("local", Rc::clone(&c.1));
            let _ = (&b, &a);
        }
    );
    twins!(
        #[traced(skip_all)]
        [] (_a: Noted, mut b: (Noted, u8), c: Noted) {
            let _local = Noted("local", Rc::clone(&c.1));
            drop(c);
            b.1 += 1;
        }
    );
    twins!(
        #[traced(skip_all)]
        [] (a: Noted, b: (Noted, u8), c: Noted) {
            let moved = b.0;
            let _local = Noted("local", Rc::clone(&moved.1));
            if b.1 == 0 {
                return;
            }
            drop((a, c));
        }
    );
}

#[tokio::test]
async fn in_futures() {
    let _recorded = recorded();
    twins!(
        #[traced(skip_all)]
        [async] (a: Noted, (b, _): (Noted, u8), c: Noted) {
            let _local = Noted("local", Rc::clone(&c.1));
            tokio::task::yield_now().await;
            let _ = (&b, &a);
        }
        .await
    );
}

struct Parts {
    _first: Noted,
    second: Noted,
}

impl Parts {
    fn untraced(self, third: Noted) {
        let _local = Noted("local", Rc::clone(&third.1));
        let _ = &self.second;
    }

    #[traced(skip_all)]
    fn checked(self, third: Noted) {
        let _local = Noted("local", Rc::clone(&third.1));
        let _ = &self.second;
    }
}

#[test]
fn of_self_by_value() {
    let _recorded = recorded();
    let dropped = |method: fn(Parts, Noted)| {
        let log = Log::default();
        let [first, second, third] = ["first", "second", "third"].map(|name| Noted(name, Rc::clone(&log)));
        method(Parts { _first: first, second }, third);
        log.take()
    };
    assert_eq!(dropped(Parts::checked), dropped(Parts::untraced));
    assert_eq!(dropped(Parts::checked), ["local", "third", "first", "second"]);
}
