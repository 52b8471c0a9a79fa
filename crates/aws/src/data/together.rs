//! Equal questions that are asked at nearly the same time get one answer: modules often ask for the same.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use infra_provider::{Failure, Object};
use infra_value::Value;
use tokio::sync::OnceCell;

use crate::Aws;
use crate::resource::DataSource;

/// How long a question waits for equal ones. Those that come later are asked anew, so no answer is out of date.
const GATHERING: Duration = Duration::from_millis(1);

type Answer = Arc<OnceCell<Result<Object, Failure>>>;

/// Questions that wait: the data source, its configuration.
#[derive(Default)]
struct Open(Mutex<Vec<(String, Value, Answer)>>);

impl Open {
    fn join(&self, ty: &str, config: &Value) -> Answer {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((.., answer)) = open.iter().find(|(t, c, _)| t == ty && c == config) {
            return answer.clone();
        }
        let answer = Answer::default();
        open.push((ty.to_string(), config.clone(), answer.clone()));
        answer
    }

    fn close(&self, answer: &Answer) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(.., other)| !Arc::ptr_eq(other, answer));
    }
}

/// Reads a data source.
pub(crate) async fn read(aws: &Aws, ty: &str, source: &dyn DataSource, object: Object) -> Result<Object, Failure> {
    let open = aws.shared::<Open>();
    let answer = open.join(ty, &object.value());
    tokio::time::sleep(GATHERING).await;
    let ask = || async {
        open.close(&answer);
        let mut object = object;
        source.read(aws, &mut object).await.map(|()| object)
    };
    answer.get_or_init(ask).await.clone()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use aws_types::SdkConfig;
    use infra_catalog::catalog;
    use infra_value::Type;

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    #[async_trait]
    impl DataSource for Counting {
        async fn read(&self, _: &Aws, object: &mut Object) -> Result<(), Failure> {
            object.set("version", (self.0.fetch_add(1, Ordering::Relaxed) + 1).to_string());
            Ok(())
        }
    }

    #[tokio::test]
    async fn equal_questions_are_asked_once_and_anew_when_they_are_asked_later() {
        let block = catalog().data_sources["aws_ssm_parameter"].block();
        let named = |name: &str| {
            let mut object = Object::new(block.clone(), &Value::null(Type::Dynamic));
            object.set("name", name);
            object
        };
        let (aws, source) = (Aws::new(SdkConfig::builder().build(), BTreeMap::new()), Counting::default());
        let ask = |name: &str| read(&aws, "aws_ssm_parameter", &source, named(name));
        let (one, same, _other) = tokio::join!(ask("a"), ask("a"), ask("b"));
        assert_eq!(one.map(|o| o.value()), same.map(|o| o.value()));
        assert_eq!(source.0.load(Ordering::Relaxed), 2);
        assert!(ask("a").await.is_ok());
        assert_eq!(source.0.load(Ordering::Relaxed), 3);
    }
}
