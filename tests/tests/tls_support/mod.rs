//! Certificates: an authority of the test's own, and whom it vouches for.

use coap_ws_driver::tls::{ClientAuth, ClientTls, ServerTls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// An authority and what it signs.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        // Each authority has a name of its own, or they would be taken for one another.
        let name = format!("authority {:02x?}", &key.public_key_raw()[..8]);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn signs(
        &self,
        names: &[&str],
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { certificate, key: key.serialize_pem() }
    }

    pub(crate) fn localhost(&self) -> Identity {
        self.signs(&["localhost"], |_| {})
    }

    pub(crate) fn trusted(&self) -> ClientTls {
        ClientTls::with_roots_pem(self.pem.as_bytes()).unwrap()
    }
}

impl Identity {
    pub(crate) fn server(&self, clients: ClientAuth) -> ServerTls {
        ServerTls::with_clients(self.certificate.as_bytes(), self.key.as_bytes(), clients).unwrap()
    }

    pub(crate) fn of(&self, tls: ClientTls) -> ClientTls {
        tls.identity_pem(self.certificate.as_bytes(), self.key.as_bytes()).unwrap()
    }
}
