//! Credentials at rest: AES-256-GCM, with the key's and the credential's id as associated data, so that a ciphertext
//! moved to another row, or said to be of another key, does not open.

use crate::error::StoreError;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use muster_domain::CredentialId;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Bytes of a key (AES-256).
const KEY_BYTES: usize = 32;
/// Bytes of a nonce (NIST SP 800-38D, section 8.2.2: random, 96 bits).
const NONCE_BYTES: usize = 12;
/// Bytes of a key's hash that name it.
const KEY_ID_BYTES: usize = 8;

/// The key that encrypts, and older ones that still open what they encrypted.
#[derive(Clone)]
pub struct KeyRing {
    active: Arc<NamedKey>,
    older: Vec<Arc<NamedKey>>,
}

struct NamedKey {
    id: String,
    cipher: Aes256Gcm,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("KeyRing").field("active", &self.active.id).finish_non_exhaustive()
    }
}

/// What is kept of a secret.
pub(crate) struct Sealed {
    pub(crate) key_id: String,
    pub(crate) nonce: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
}

impl KeyRing {
    /// From keys in base64, 32 bytes each. The older ones only open.
    ///
    /// # Errors
    /// [`StoreError::Encryption`] where a key is not 32 bytes of base64.
    pub fn new(active: &SecretString, older: &[SecretString]) -> Result<Self, StoreError> {
        Ok(Self {
            active: Arc::new(NamedKey::from_base64(active)?),
            older: older
                .iter()
                .map(|key| NamedKey::from_base64(key).map(Arc::new))
                .collect::<Result<_, _>>()?,
        })
    }

    /// A new key, in base64.
    pub fn generate_key() -> SecretString {
        SecretString::from(STANDARD.encode(rand::random::<[u8; KEY_BYTES]>()))
    }

    /// Id of the key that encrypts: part of the hash of the key.
    pub fn active_key_id(&self) -> &str {
        &self.active.id
    }

    pub(crate) fn seal(&self, credential: CredentialId, secret: &SecretString) -> Result<Sealed, StoreError> {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let associated = associated_data(&self.active.id, credential);
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: associated.as_bytes() };
        let ciphertext = self
            .active
            .cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| StoreError::Encryption("the secret could not be encrypted".to_owned()))?;
        Ok(Sealed { key_id: self.active.id.clone(), nonce: nonce.to_vec(), ciphertext })
    }

    pub(crate) fn open(&self, credential: CredentialId, sealed: &Sealed) -> Result<SecretString, StoreError> {
        let key = std::iter::once(&self.active)
            .chain(&self.older)
            .find(|key| key.id == sealed.key_id)
            .ok_or_else(|| {
                StoreError::Encryption(format!(
                    "the credential {credential} is encrypted with the key {}, which is not configured",
                    sealed.key_id
                ))
            })?;
        let nonce: [u8; NONCE_BYTES] =
            sealed.nonce.as_slice().try_into().map_err(|_| does_not_open(credential))?;
        let associated = associated_data(&key.id, credential);
        let payload = Payload { msg: &sealed.ciphertext, aad: associated.as_bytes() };
        let bytes =
            key.cipher.decrypt(&Nonce::from(nonce), payload).map_err(|_| does_not_open(credential))?;
        String::from_utf8(bytes).map(SecretString::from).map_err(|_| does_not_open(credential))
    }
}

impl NamedKey {
    fn from_base64(text: &SecretString) -> Result<Self, StoreError> {
        let bytes = STANDARD
            .decode(text.expose_secret().trim())
            .map_err(|_| StoreError::Encryption("the encryption key is not base64".to_owned()))?;
        if bytes.len() != KEY_BYTES {
            return Err(StoreError::Encryption(format!(
                "the encryption key has {} bytes, it needs {KEY_BYTES}",
                bytes.len()
            )));
        }
        let cipher = Aes256Gcm::new_from_slice(&bytes)
            .map_err(|_| StoreError::Encryption("the encryption key has a wrong length".to_owned()))?;
        let digest = Sha256::digest(&bytes);
        let id = digest.iter().take(KEY_ID_BYTES).map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { id, cipher })
    }
}

fn associated_data(key_id: &str, credential: CredentialId) -> String {
    format!("{key_id}/{credential}")
}

fn does_not_open(credential: CredentialId) -> StoreError {
    StoreError::Encryption(format!(
        "the credential {credential} does not open with its key: it was changed or moved; store it again"
    ))
}
