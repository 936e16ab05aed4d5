/** Seals secrets that must be readable again, such as signing keys. AES-256-GCM. */
export interface SecretBox {
  /** `purpose` must be given again to open it: a sealed text cannot be moved to another place. */
  seal(text: string, purpose: string): string;
  /** Throws when it was not sealed by a key of this box for this purpose. */
  open(sealed: string, purpose: string): string;
  /** 32 bytes that only the holder of the key can make again (HKDF, RFC 5869). */
  derive(purpose: string): Buffer;
}
