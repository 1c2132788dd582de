#if canImport(CryptoKit)
import CryptoKit
import Foundation
import Security

/// Signs with a P-256 key of the Secure Enclave, which does not give the private key out.
///
/// Make it once, keep ``dataRepresentation`` in the keychain, and open it from there afterwards: those bytes
/// are of use on this device alone. The key signs after the first unlock, also while the phone is locked again.
public final class SecureEnclaveSigner: DeviceSigner {
    private let key: SecureEnclave.P256.Signing.PrivateKey

    /// Makes a key.
    public init() throws {
        var failure: Unmanaged<CFError>?
        guard let access = SecAccessControlCreateWithFlags(
            nil, kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly, .privateKeyUsage, &failure
        ) else {
            throw SignerError.Unavailable(detail: failure.map { "\($0.takeRetainedValue())" } ?? "no access control")
        }
        key = try SecureEnclave.P256.Signing.PrivateKey(accessControl: access)
    }

    /// Takes up the key that ``dataRepresentation`` stands for.
    public init(dataRepresentation: Data) throws {
        key = try SecureEnclave.P256.Signing.PrivateKey(dataRepresentation: dataRepresentation)
    }

    /// What stands for the key: to be kept in the keychain.
    public var dataRepresentation: Data { key.dataRepresentation }

    public func publicKey() throws -> Data {
        key.publicKey.x963Representation
    }

    public func sign(message: Data) throws -> Data {
        do {
            return try key.signature(for: message).derRepresentation
        } catch {
            throw SignerError.Unavailable(detail: "\(error)")
        }
    }
}
#endif
