//! The methods that scopes and manual spans share, generated over their way of reaching the open span.

/// `$recv` is `&` or `&mut`; the type has `edit(recv self, impl FnOnce(&mut OpenSpan, &Limits))` and `is_recording(&self)`.
macro_rules! span_methods {
    ($($recv:tt)+) => {
        /// Sets an attribute. The same name again replaces the value.
        #[inline]
        pub fn set_attribute<'a>($($recv)+ self, name: &str, value: impl Into<$crate::value::AttrValue<'a>>) -> $($recv)+ Self {
            let value = value.into();
            self.edit(|span, limits| span.set_attribute(name, &value, limits));
            self
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
            self.add_event_with(name, &[])
        }

        /// Adds an event that happens now, with attributes.
        #[inline]
        pub fn add_event_with(
            $($recv)+ self,
            name: &str,
            attributes: &[(&str, $crate::value::AttrValue<'_>)],
        ) -> $($recv)+ Self {
            let pairs = attributes.iter().map(|(name, value)| (*name, value));
            self.edit(|span, limits| span.add_event(name, $crate::recorder::now(), pairs, limits));
            self
        }

        /// Adds a link to a span that is related without being the parent.
        pub fn add_link(
            $($recv)+ self,
            context: &$crate::ids::SpanContext,
            attributes: &[(&str, $crate::value::AttrValue<'_>)],
        ) -> $($recv)+ Self {
            let pairs = attributes.iter().map(|(name, value)| (*name, value));
            self.edit(|span, limits| span.add_link(context, pairs, limits));
            self
        }

        /// Says how the work ended. `Ok` is final; only errors keep the message.
        pub fn set_status($($recv)+ self, code: $crate::span::StatusCode, message: &str) -> $($recv)+ Self {
            self.edit(|span, limits| span.set_status(code, message, limits));
            self
        }

        /// Records an error, with its causes, as an `exception` event and makes the span one.
        pub fn record_error<E: std::error::Error + ?Sized>($($recv)+ self, error: &E) -> $($recv)+ Self {
            if self.is_recording() {
                let exception = $crate::exception::Exception::of(error);
                self.edit(|span, limits| exception.record(span, limits));
            }
            self
        }

        /// The same for an error that is only words.
        pub fn record_error_message($($recv)+ self, message: &str) -> $($recv)+ Self {
            let exception = $crate::exception::Exception::of_message(message);
            self.edit(|span, limits| exception.record(span, limits));
            self
        }

        /// Records a caught panic with its text and makes the span an error.
        pub fn record_panic($($recv)+ self, payload: &(dyn std::any::Any + Send)) -> $($recv)+ Self {
            let exception = $crate::exception::Exception::of_panic(payload);
            self.edit(|span, limits| exception.record(span, limits));
            self
        }

        /// Changes the name.
        pub fn update_name($($recv)+ self, name: &str) -> $($recv)+ Self {
            self.edit(|span, _| span.update_name(name));
            self
        }

        /// Changes the kind.
        pub fn set_kind($($recv)+ self, kind: $crate::span::SpanKind) -> $($recv)+ Self {
            self.edit(|span, _| span.set_kind(kind));
            self
        }
    };
}

pub(crate) use span_methods;
