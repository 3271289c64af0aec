//! The services that tests need, as `tests/run` starts them or a developer gives them.

use std::path::PathBuf;
use std::sync::Once;

/// A PostgreSQL server whose user may create databases.
pub const DATABASE_URL: &str = "MUSTER_TEST_DATABASE_URL";
/// A RabbitMQ server whose user may do everything.
pub const AMQP_URL: &str = "MUSTER_TEST_AMQP_URL";
/// The management plugin of the same RabbitMQ.
pub const AMQP_MANAGEMENT_URL: &str = "MUSTER_TEST_AMQP_MANAGEMENT_URL";
/// The TLS listener of the same RabbitMQ.
pub const AMQPS_URL: &str = "MUSTER_TEST_AMQPS_URL";
/// The certificate authority that the TLS listener's certificate comes from.
pub const AMQPS_CA_FILE: &str = "MUSTER_TEST_AMQPS_CA_FILE";
/// A command that administers the node of the same RabbitMQ.
pub const RABBITMQCTL: &str = "MUSTER_TEST_RABBITMQCTL";
/// The folders of the nodes that `tests/run` started: how they are booted and killed.
pub const BROKER_NODES: &str = "MUSTER_TEST_BROKER_NODES";
/// Where RabbitMQ 4 is installed, when that is the version that is tested.
pub const DEBIAN_13: &str = "MUSTER_TEST_DEBIAN_13";
/// A Python that has the packages of `tests/requirements.txt`.
pub const PYTHON: &str = "MUSTER_TEST_PYTHON";
/// A `node_modules` that has the packages of `tests/official-clients`.
pub const NODE_MODULES: &str = "MUSTER_TEST_NODE_MODULES";

/// The URL of the PostgreSQL server.
pub fn database_url() -> String {
    required(DATABASE_URL, "PostgreSQL")
}

/// The URL of RabbitMQ, of the virtual host `/`.
pub fn amqp_url() -> String {
    required(AMQP_URL, "RabbitMQ")
}

/// The URL of RabbitMQ's management plugin, user and password included.
pub fn amqp_management_url() -> String {
    required(AMQP_MANAGEMENT_URL, "RabbitMQ with its management plugin")
}

/// The URL of RabbitMQ's TLS listener, of the virtual host `/`.
pub fn amqps_url() -> String {
    required(AMQPS_URL, "RabbitMQ with a TLS listener")
}

/// The file of the certificate to trust on the TLS listener.
pub fn amqps_ca_file() -> PathBuf {
    required(AMQPS_CA_FILE, "RabbitMQ with a TLS listener").into()
}

/// The command that administers RabbitMQ's node.
pub fn rabbitmqctl() -> PathBuf {
    required(RABBITMQCTL, "RabbitMQ that may be administered").into()
}

/// The Python interpreter of tests that are other systems' programs.
pub fn python() -> PathBuf {
    required(PYTHON, "Python with the packages of tests/requirements.txt").into()
}

/// The packages of tests that are Node programs.
pub fn node_modules() -> PathBuf {
    required(NODE_MODULES, "Node with the packages of tests/official-clients").into()
}

/// Installs the one TLS provider in the test process, once; HTTP clients cannot be built without.
pub fn install_tls_provider() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // An error says that a provider is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

fn required(variable: &str, service: &str) -> String {
    match std::env::var(variable) {
        Ok(value) if !value.is_empty() => value,
        _ => panic!(
            "{variable} is not set and this test needs {service}: start the tests with `tests/run`, which \
             provides it, or take its variables from `tests/run --services-only`"
        ),
    }
}
