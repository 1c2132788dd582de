package vn.nghisu

import java.security.GeneralSecurityException
import java.security.KeyPair
import java.security.PrivateKey
import java.security.PublicKey
import java.security.Signature

/**
 * Signs with a P-256 key of a Java key store. On Android that is the Keystore, which does not give the
 * private key out: make it with `PURPOSE_SIGN`, `DIGEST_SHA256` and the curve `secp256r1`, and without
 * `setUserAuthenticationRequired`, so that it signs while the phone is locked again.
 */
public class KeyStoreSigner(private val privateKey: PrivateKey, private val publicKey: PublicKey) : DeviceSigner {
    /** Signs with a pair of keys. */
    public constructor(keys: KeyPair) : this(keys.private, keys.public)

    override fun publicKey(): ByteArray =
        publicKey.encoded ?: throw SignerException.Unavailable("the public key has no encoding")

    override fun sign(message: ByteArray): ByteArray = try {
        Signature.getInstance("SHA256withECDSA").run {
            initSign(privateKey)
            update(message)
            sign()
        }
    } catch (error: GeneralSecurityException) {
        throw SignerException.Unavailable("$error")
    }
}
