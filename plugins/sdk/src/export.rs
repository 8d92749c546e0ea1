//! From the traits of [`crate::plugin`] to the component's exports. Nothing is decided here, and every error is cleaned of
//! what the session has sent.

/// Makes a component of a [`Provider`](crate::Provider), and of what else it is: `export_provider!(Mine)`, or
/// `export_provider!(Mine: Writer)`, `(Mine: Generator)`, `(Mine: Writer + Generator)`. Natively it makes nothing.
#[macro_export]
macro_rules! export_provider {
    ($provider:ident) => { $crate::export_provider!(@ $provider export_provider); };
    ($provider:ident: Writer) => { $crate::export_provider!(@ $provider export_writing_provider); };
    ($provider:ident: Generator) => { $crate::export_provider!(@ $provider export_generating_provider); };
    ($provider:ident: Writer + Generator) => { $crate::export_provider!(@ $provider export_managing_provider); };
    (@ $provider:ident $export:ident) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::export::Exported<$provider>;
            $crate::provider::$export!(Exported);
        };
    };
}

/// Makes the component of a provider tell of changes besides: `export_events!(Mine)` beside [`export_provider`], for a provider
/// with [`Events`](crate::events::Events). Natively it makes nothing.
#[macro_export]
macro_rules! export_events {
    ($provider:ident) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::export::Exported<$provider>;
            $crate::events::export_event_source!(Exported);
        };
    };
}

/// Makes a component of an [`Engine`](crate::Engine). Natively it makes nothing.
#[macro_export]
macro_rules! export_engine {
    ($engine:ident) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type Exported = $crate::export::Exported<$engine>;
            $crate::template::export_template_engine!(Exported);
        };
    };
}

/// A plugin as the host calls it. Of no use by itself: see [`export_provider`] and [`export_engine`].
pub struct Exported<P>(std::marker::PhantomData<P>);

#[cfg(target_arch = "wasm32")]
mod provider {
    use std::time::Duration;

    use super::Exported;
    use crate::connect::Store;
    use crate::events::{self, Events, Notice};
    use crate::host::{Host, Sandbox};
    use crate::plugin::{Asked, Generator, Provider, Writer};
    use crate::provider::connection::{self, ConnectInput, Session as Input, Step};
    use crate::provider::generator::{self, Generated, Kind, Options};
    use crate::provider::interface::{self, Description, Health, Item, Page, Query, Value};
    use crate::provider::writer::{self, Outcome, Removal, Write};
    use crate::{Error, Session};

    /// Calls with a session.
    fn call<P: Provider, T>(
        input: Input,
        call: impl FnOnce(&Session<'_, P::Config>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let host: &dyn Host = if P::NETWORK { &Sandbox::<true> } else { &Sandbox::<false> };
        let session = Session::new(input, host)?;
        call(&session).map_err(|error| session.secrets().clean(error))
    }

    /// Calls with a session for each of several.
    fn each<P: Provider, I, T>(
        input: Input,
        items: &[I],
        one: impl Fn(&Session<'_, P::Config>, &I) -> Result<T, Error>,
    ) -> Result<Vec<Result<T, Error>>, Error> {
        call::<P, _>(input, |session| {
            let clean = |error| session.secrets().clean(error);
            Ok(items.iter().map(|item| one(session, item).map_err(clean)).collect())
        })
    }

    impl<P: Provider> connection::Guest for Exported<P> {
        fn connect(input: ConnectInput) -> Result<Step, Error> {
            let mut store = Store::new(input)?;
            let ready = P::connect(&mut store)?;
            Ok(store.step(ready))
        }
    }

    impl<P: Provider> interface::Guest for Exported<P> {
        fn describe() -> Description {
            P::describe()
        }

        fn validate(input: Input) -> Result<Health, Error> {
            call::<P, _>(input, P::validate)
        }

        fn get(input: Input, items: Vec<Item>) -> Result<Vec<Result<Value, Error>>, Error> {
            call::<P, _>(input, |session| {
                let clean = |error| session.secrets().clean(error);
                let answers = P::get_all(session, &items)?;
                Ok(answers.into_iter().map(|answer| answer.map_err(clean)).collect())
            })
        }

        fn find(input: Input, query: Query, cursor: Option<String>) -> Result<Page, Error> {
            call::<P, _>(input, |session| P::find(session, &query, cursor.as_deref()))
        }
    }

    impl<P: Writer> writer::Guest for Exported<P> {
        fn push(input: Input, writes: Vec<Write>) -> Result<Vec<Result<Outcome, Error>>, Error> {
            each::<P, _, _>(input, &writes, P::push)
        }

        fn delete(input: Input, removals: Vec<Removal>) -> Result<Vec<Result<(), Error>>, Error> {
            each::<P, _, _>(input, &removals, P::delete)
        }

        fn exists(input: Input, keys: Vec<String>) -> Result<Vec<Result<bool, Error>>, Error> {
            each::<P, _, _>(input, &keys, |session, key| P::exists(session, key))
        }
    }

    impl<P: Events> events::interface::Guest for Exported<P> {
        fn poll(input: events::interface::Session, most: u32, wait_ms: u64) -> Result<Vec<Notice>, Error> {
            call::<P, _>(input.into(), |session| P::poll(session, most, Duration::from_millis(wait_ms)))
        }

        fn acknowledge(
            input: events::interface::Session,
            receipts: Vec<String>,
        ) -> Result<Vec<Result<(), Error>>, Error> {
            call::<P, _>(input.into(), |session| {
                let clean = |error| session.secrets().clean(error);
                let answers = P::acknowledge(session, &receipts)?;
                Ok(answers.into_iter().map(|answer| answer.map_err(clean)).collect())
            })
        }
    }

    impl<P: Generator> generator::Guest for Exported<P> {
        fn kinds() -> Vec<Kind> {
            P::kinds()
        }

        fn generate(
            input: Input,
            kind: String,
            spec: String,
            previous: Option<String>,
            options: Options,
        ) -> Result<Generated, Error> {
            call::<P, _>(input, |session| P::generate(session, &Asked { kind, spec, previous, options }))
        }

        fn cleanup(input: Input, kind: String, spec: String, state: String) -> Result<(), Error> {
            call::<P, _>(input, |session| P::cleanup(session, &kind, &spec, &state))
        }
    }
}

impl<E: crate::Engine> crate::template::interface::Guest for Exported<E> {
    fn describe() -> crate::template::interface::Description {
        crate::template::interface::Description {
            name: E::NAME.to_owned(),
            version: E::VERSION.to_owned(),
            functions: E::functions(),
        }
    }

    fn render(
        templates: Vec<crate::template::interface::Template>,
        data: Vec<(String, Vec<u8>)>,
        options: crate::template::interface::Options,
    ) -> Result<Vec<crate::template::interface::Rendered>, crate::template::interface::Failure> {
        crate::engine::render_all::<E>(templates, &data, &options)
    }
}
