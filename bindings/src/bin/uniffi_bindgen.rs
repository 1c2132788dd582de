//! Generates the Kotlin, Swift and Python code from the library.

fn main() {
    uniffi::uniffi_bindgen_main();
}
