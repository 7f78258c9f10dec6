//! The methods that scopes and manual spans share, generated over their way of reaching the open span.

/// `$recv` is `&` or `&mut`; the type has `edit(recv self, impl FnOnce(&mut OpenSpan))`, the two halves of that
/// (`take_recording`, `keep_recording`: closures are not always inlined), `is_recording(&self)` and `is_inert(&self)`,
/// which is cheap and true only when it surely records nothing.
macro_rules! span_methods {
    ($($recv:tt)+) => {
        /// Sets an attribute. The same name again replaces the value.
        ///
        /// Inlined, since what of it depends on the name alone is then worked out by the compiler.
        #[inline(always)]
        pub fn set_attribute<'a>($($recv)+ self, name: &str, value: impl Into<$crate::value::AttrValue<'a>>) -> $($recv)+ Self {
            if !self.is_inert() {
                // The name's hash is a constant wherever the name is one, since this much is inlined.
                let name = $crate::recorder::Name::new(name);
                // By kind, so that what is plain stays in registers; it has nothing to be dropped.
                use $crate::plain::{Number, NumberKind};
                use $crate::value::AttrValue;
                let value = std::mem::ManuallyDrop::new(value.into());
                match &*value {
                    AttrValue::Str(std::borrow::Cow::Borrowed(text)) => self.put_text(name, text),
                    AttrValue::Int(value) => {
                        self.put_number(name, Number { kind: NumberKind::Int, bits: *value as u64 });
                    }
                    AttrValue::Bool(value) => {
                        self.put_number(name, Number { kind: NumberKind::Bool, bits: u64::from(*value) });
                    }
                    AttrValue::Double(value) => {
                        self.put_number(name, Number { kind: NumberKind::Double, bits: value.to_bits() });
                    }
                    _ => self.put_any(name.text, name.hash, std::mem::ManuallyDrop::into_inner(value)),
                }
            }
            self
        }

        #[inline(always)]
        fn put_text($($recv)+ self, name: $crate::recorder::Name<'_>, text: &str) {
            if let Some(mut recording) = self.take_recording() {
                recording.span.set_text(name, text);
                self.keep_recording(recording);
            }
        }

        #[inline(always)]
        fn put_number($($recv)+ self, name: $crate::recorder::Name<'_>, number: $crate::plain::Number) {
            if let Some(mut recording) = self.take_recording() {
                recording.span.set_number(name, number);
                self.keep_recording(recording);
            }
        }

        #[inline(never)]
        fn put_any($($recv)+ self, name: &str, hash: u64, value: $crate::value::AttrValue<'_>) {
            let name = $crate::recorder::Name { text: name, hash };
            self.edit(|span| match &value {
                $crate::value::AttrValue::Str(text) => span.set_text(name, text),
                value => span.set_unusual_attribute(name, value),
            });
        }

        /// Sets an attribute whose value is worked out only when the span is recorded.
        pub fn set_attribute_with<'a, V: Into<$crate::value::AttrValue<'a>>>(
            $($recv)+ self,
            name: &str,
            value: impl FnOnce() -> V,
        ) -> $($recv)+ Self {
            if self.is_recording() {
                return self.set_attribute(name, value());
            }
            self
        }

        /// Adds an event that happens now.
        #[inline]
        pub fn add_event($($recv)+ self, name: &str) -> $($recv)+ Self {
            if !self.is_inert() {
                self.put_plain_event(name);
            }
            self
        }

        #[inline(never)]
        fn put_plain_event($($recv)+ self, name: &str) {
            self.edit(|span| span.add_plain_event(name));
        }

        /// Adds an event that happens now, with attributes.
        #[inline]
        pub fn add_event_with(
            $($recv)+ self,
            name: &str,
            attributes: &[(&str, $crate::value::AttrValue<'_>)],
        ) -> $($recv)+ Self {
            if !self.is_inert() {
                self.put_event(name, attributes);
            }
            self
        }

        #[inline(never)]
        fn put_event($($recv)+ self, name: &str, attributes: &[(&str, $crate::value::AttrValue<'_>)]) {
            let pairs = attributes.iter().map(|(name, value)| (*name, value));
            self.edit(|span| span.add_event(name, None, pairs));
        }

        /// Adds a link to a span that is related without being the parent.
        pub fn add_link(
            $($recv)+ self,
            context: &$crate::ids::SpanContext,
            attributes: &[(&str, $crate::value::AttrValue<'_>)],
        ) -> $($recv)+ Self {
            let pairs = attributes.iter().map(|(name, value)| (*name, value));
            self.edit(|span| span.add_link(context, pairs));
            self
        }

        /// Says how the work ended. `Ok` is final; only errors keep the message.
        pub fn set_status($($recv)+ self, code: $crate::span::StatusCode, message: &str) -> $($recv)+ Self {
            self.edit(|span| span.set_status(code, message));
            self
        }

        /// Records an error, with its causes, as an `exception` event and makes the span one.
        pub fn record_error<E: std::error::Error + ?Sized>($($recv)+ self, error: &E) -> $($recv)+ Self {
            if self.is_recording() {
                let exception = $crate::exception::Exception::of(error);
                self.edit(|span| exception.record(span));
            }
            self
        }

        /// The same for an error that is only words.
        pub fn record_error_message($($recv)+ self, message: &str) -> $($recv)+ Self {
            if self.is_recording() {
                let exception = $crate::exception::Exception::of_message(message);
                self.edit(|span| exception.record(span));
            }
            self
        }

        /// Records a caught panic with its text and makes the span an error.
        pub fn record_panic($($recv)+ self, payload: &(dyn std::any::Any + Send)) -> $($recv)+ Self {
            if self.is_recording() {
                let exception = $crate::exception::Exception::of_panic(payload);
                self.edit(|span| exception.record(span));
            }
            self
        }

        /// Changes the name.
        pub fn update_name($($recv)+ self, name: &str) -> $($recv)+ Self {
            self.edit(|span| span.update_name(name));
            self
        }

        /// Changes the kind.
        pub fn set_kind($($recv)+ self, kind: $crate::span::SpanKind) -> $($recv)+ Self {
            self.edit(|span| span.set_kind(kind));
            self
        }
    };
}

pub(crate) use span_methods;
