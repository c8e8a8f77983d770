//go:build linux

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// otherRoots is how many roots a Linux distribution trusts, about: reading them is most of what a first TLS connection costs.
const otherRoots = 145

// authority is a certificate authority of this run, and where the programs find what they are to trust.
type authority struct {
	// For 127.0.0.1, below an RSA 2048 intermediate as AWS has it. Its own key is of the kind that signs fast, since the
	// server's work in a handshake is done on the machine that is measured, and on AWS it is not.
	server tls.Certificate
	bundle string // our root among many
	root   string // our root alone
	empty  string // an empty directory, so that no program reads this machine's roots as well
}

func newAuthority(dir string) (authority, error) {
	a := authority{bundle: filepath.Join(dir, "roots.pem"), root: filepath.Join(dir, "root.pem"), empty: filepath.Join(dir, "no-roots")}
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return a, err
	}
	var keys [2]*rsa.PrivateKey
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return a, err
		}
		keys[i] = key
	}
	rootTemplate, middleTemplate, leafTemplate := template(1, "Root"), template(2, "Intermediate"), template(3, "127.0.0.1")
	leafTemplate.IsCA, leafTemplate.KeyUsage = false, x509.KeyUsageDigitalSignature
	leafTemplate.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	root, err := x509.CreateCertificate(rand.Reader, rootTemplate, rootTemplate, &keys[0].PublicKey, keys[0])
	if err != nil {
		return a, err
	}
	middle, err := x509.CreateCertificate(rand.Reader, middleTemplate, rootTemplate, &keys[1].PublicKey, keys[0])
	if err != nil {
		return a, err
	}
	leaf, err := x509.CreateCertificate(rand.Reader, leafTemplate, middleTemplate, &leafKey.PublicKey, keys[1])
	if err != nil {
		return a, err
	}
	a.server = tls.Certificate{Certificate: [][]byte{leaf, middle}, PrivateKey: leafKey}

	var bundle bytes.Buffer
	for i := range otherRoots {
		other := template(int64(100+i), fmt.Sprintf("Other Root %d", i))
		der, err := x509.CreateCertificate(rand.Reader, other, other, &keys[0].PublicKey, keys[0])
		if err != nil {
			return a, err
		}
		bundle.Write(encode(der))
	}
	bundle.Write(encode(root))
	if err := os.WriteFile(a.bundle, bundle.Bytes(), 0o644); err != nil {
		return a, err
	}
	if err := os.WriteFile(a.root, encode(root), 0o644); err != nil {
		return a, err
	}
	return a, os.MkdirAll(a.empty, 0o755)
}

func template(serial int64, name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name, Organization: []string{"Bench"}, Country: []string{"IE"}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		SubjectKeyId: big.NewInt(serial).Bytes(),
	}
}

func encode(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
