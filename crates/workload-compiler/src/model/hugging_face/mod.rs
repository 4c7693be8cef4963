//! Hugging Face `config.json` to [`Model`].

mod build;
pub(super) mod family;
mod keys;
mod layers;
mod quantised;
mod text;

use config::FieldError;

use self::family::Family;
use self::keys::{Role, Unknown};
use self::quantised::Quantised;
use self::text::{File, Object};
use super::Model;

/// A model as its `config.json` describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// The shape of the model.
    pub model: Model,
    /// What the file says that the model does not hold, and what in it is not known.
    pub warnings: Vec<FieldError>,
    /// If the weights are stored in a format that the model's `published_precision` does not say:
    /// an error that stands unless the workload says what format its projections have.
    pub quantised: Option<FieldError>,
}

/// Reads the text of a `config.json`. `name` is how the file is called in errors, and the model if
/// the file does not say.
///
/// The text is read as the Python library reads it: it may hold `NaN` and `Infinity` and begin with
/// a byte-order mark, and what a nested `text_config` leaves out has the default of its class.
///
/// # Errors
/// If the text is not JSON, the architecture is unknown or no language model, a size is missing or
/// makes no sense, or a key is not understood that could make the model another. Paths are those of
/// the JSON file, and errors stand at their keys in it.
pub fn from_hugging_face(text: &str, name: &str) -> Result<ModelFile, FieldError> {
    let file = File::new(name, text);
    let root = file.root()?;
    let nested = root.object("text_config")?;
    let own = nested.as_ref().unwrap_or(&root);
    let is_nested = nested.is_some();
    let config = Config {
        own,
        outer: is_nested.then_some(&root),
        family: family_of(own, &root)?,
    };
    let mut warnings = Vec::new();
    for object in [Some(own), config.outer].into_iter().flatten() {
        warnings.extend(family::check_classes(object, config.family, is_nested)?);
    }
    let quantised = quantised::read(&config)?;
    let family = &config.family.family;
    let built = build::model(&config, quantised.as_ref(), name).map_err(|error| {
        // What seems to be missing may be there under another name.
        let other = keys::check(own, family, &Unknown, Role::Model).err();
        other.filter(|_| error.place.is_none()).unwrap_or(error)
    })?;
    warnings.extend(built.warnings);
    warnings.extend(keys::check(own, family, &built.model, Role::Model)?);
    if let Some(outer) = config.outer {
        warnings.extend(keys::check(outer, family, &built.model, Role::Wrapper)?);
    }
    Ok(ModelFile {
        model: built.model,
        warnings,
        quantised: quantised.and_then(Quantised::into_error),
    })
}

/// What is known of a file: its object, the one around it, and its family.
struct Config<'a, 'f> {
    own: &'a Object<'f>,
    outer: Option<&'a Object<'f>>,
    family: &'static Family,
}

impl<'f> Config<'_, 'f> {
    /// The value of a key in the model's object or, if it is not there, in the one around it.
    fn either<T>(
        &self,
        key: &str,
        read: impl Fn(&Object<'f>, &str) -> Result<Option<T>, FieldError>,
    ) -> Result<Option<T>, FieldError> {
        match (read(self.own, key)?, self.outer) {
            (None, Some(outer)) => read(outer, key),
            (value, _) => Ok(value),
        }
    }
}

fn family_of(own: &Object<'_>, root: &Object<'_>) -> Result<&'static Family, FieldError> {
    let model_type = match own.word("model_type")? {
        Some(model_type) => Some(model_type),
        None => root.word("model_type")?,
    };
    let Some(model_type) = model_type else {
        return Err(FieldError::new("model_type", "missing").help(format!(
            "it says what the model is; known are {}",
            family::names()
        )));
    };
    family::find(&model_type).ok_or_else(|| {
        let message = format!("`{}` is not known", text::cut(&model_type));
        own.error_of("model_type", message).help(format!(
            "known are {}; describe others with Variant(of: ...)",
            family::names()
        ))
    })
}
