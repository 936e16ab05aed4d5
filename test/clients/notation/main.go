// Signs an artifact in a registry and verifies it again, as the notation command does, with the
// library that command is made of, with docker's credentials. The certificate is made for the run and trusted by it alone.
//
//	notation REGISTRY/REPOSITORY@DIGEST
//
// It prints one line for each of: sign, list, verify, and exits 1 at the first that fails.
package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/testhelper"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/signer"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: notation REGISTRY/REPOSITORY@DIGEST")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "notation:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, reference string) error {
	artifacts, err := remote.NewRepository(reference)
	if err != nil {
		return err
	}
	artifacts.PlainHTTP = true
	stored, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return err
	}
	artifacts.Client = &auth.Client{Cache: auth.NewCache(), Credential: credentials.Credential(stored)}
	repository := registry.NewRepository(artifacts)

	certificate := testhelper.GetRSASelfSignedSigningCertTuple("Berth test")
	key, err := signer.NewGenericSigner(certificate.PrivateKey, []*x509.Certificate{certificate.Cert})
	if err != nil {
		return err
	}
	target, err := notation.Sign(ctx, key, repository, notation.SignOptions{
		SignerSignOptions: notation.SignerSignOptions{SignatureMediaType: cose.MediaTypeEnvelope},
		ArtifactReference: reference,
	})
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	fmt.Println("sign", target.Digest)

	var signatures []ocispec.Descriptor
	err = repository.ListSignatures(ctx, target, func(page []ocispec.Descriptor) error {
		signatures = append(signatures, page...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	if len(signatures) != 1 {
		return fmt.Errorf("list: %s has %d signatures after one was pushed", target.Digest, len(signatures))
	}
	fmt.Println("list", signatures[0].Digest)

	return verify(ctx, repository, reference, certificate.Cert)
}

func verify(ctx context.Context, repository registry.Repository, reference string, trusted *x509.Certificate) error {
	settings, err := os.MkdirTemp("", "notation-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(settings)
	dir.UserConfigDir = settings
	authority := filepath.Join(settings, "truststore", "x509", "ca", "berth")
	if err := os.MkdirAll(authority, 0o700); err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: trusted.Raw})
	if err := os.WriteFile(filepath.Join(authority, "test.pem"), text, 0o600); err != nil {
		return err
	}
	policy := &trustpolicy.Document{
		Version: "1.0",
		TrustPolicies: []trustpolicy.TrustPolicy{{
			Name:                  "berth",
			RegistryScopes:        []string{"*"},
			SignatureVerification: trustpolicy.SignatureVerification{VerificationLevel: trustpolicy.LevelPermissive.Name},
			TrustStores:           []string{"ca:berth"},
			TrustedIdentities:     []string{"*"},
		}},
	}
	check, err := verifier.New(policy, truststore.NewX509TrustStore(dir.ConfigFS()), nil)
	if err != nil {
		return err
	}
	target, outcomes, err := notation.Verify(ctx, check, repository, notation.VerifyOptions{
		ArtifactReference:    reference,
		MaxSignatureAttempts: 10,
	})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if len(outcomes) != 1 || outcomes[0].Error != nil {
		return errors.New("verify: no signature held")
	}
	fmt.Println("verify", target.Digest)
	return nil
}
