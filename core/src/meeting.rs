//! Typed views.
pub mod act;
/// temp
pub mod programme {
    /// temp
    #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
    pub struct ItemId(String);
    impl serde::Serialize for ItemId {
        fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            s.serialize_str(&self.0)
        }
    }
    impl<C> minicbor::Encode<C> for ItemId {
        fn encode<W: minicbor::encode::Write>(
            &self,
            e: &mut minicbor::Encoder<W>,
            _: &mut C,
        ) -> Result<(), minicbor::encode::Error<W::Error>> {
            e.str(&self.0)?.ok()
        }
    }
    impl<'b, C> minicbor::Decode<'b, C> for ItemId {
        fn decode(
            d: &mut minicbor::Decoder<'b>,
            _: &mut C,
        ) -> Result<Self, minicbor::decode::Error> {
            Ok(Self(d.str()?.to_owned()))
        }
    }
}
