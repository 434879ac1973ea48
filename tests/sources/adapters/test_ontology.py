from __future__ import annotations

import gzip
import logging
import socket
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urljoin

import pytest
import rdflib

from calibset.core.documents import Document, Filtered, Record, Rejection
from calibset.core.errors import SourceError
from calibset.sources.adapters import ontology
from calibset.sources.adapters.ontology import Ontology
from calibset.sources.formats import ontology_graph, rdf_xml_parser
from calibset.storage import compression
from calibset.storage.files import memory_reader

SOURCE = Ontology(group="insurance", where=("ontology",))

PREFIXES = """\
@prefix : <http://example.org/o#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
"""


def read(turtle: str, name: str = "o.ttl") -> list[Record]:
    (file,) = memory_reader({name: turtle.encode()}).files("*")
    return list(SOURCE.read(file))


def texts(turtle: str) -> dict[str, str]:
    return {
        record.id.removeprefix("http://example.org/o#"): record.text
        for record in read(PREFIXES + turtle)
        if isinstance(record, Document)
    }


def test_a_class_is_described_by_label() -> None:
    turtle = """
    :Deductible a owl:Class ; rdfs:label "Deductible"@en ; rdfs:comment "What the\\n insured bears."@en ;
        rdfs:subClassOf :PolicyTerm ; owl:disjointWith :Premium ; :asop "ASOP 56" .
    :Premium a owl:Class ; rdfs:label "premium" .
    :asop a owl:AnnotationProperty ; rdfs:label "ASOP reference" .
    """
    assert texts(turtle) == {
        "Deductible": "Deductible (class)\nWhat the insured bears.\nKind of: Policy Term.\n"
        "Disjoint with: premium.\nASOP reference: ASOP 56.",
        "Premium": "premium (class)",
        "asop": "ASOP reference (annotation property)",
    }


def test_properties_tell_domain_range_and_inverse() -> None:
    turtle = """
    :covers a owl:ObjectProperty, owl:TransitiveProperty ; rdfs:domain :Policy ; rdfs:range :Risk ;
        owl:inverseOf :coveredBy ; rdfs:subPropertyOf :concerns .
    :amount a owl:DatatypeProperty ; rdfs:range xsd:decimal .
    """
    assert texts(turtle) == {
        "covers": "covers (object property, transitive property)\nKind of: concerns.\nDomain: Policy.\n"
        "Range: Risk.\nInverse: covered by.",
        "amount": "amount (datatype property)\nRange: decimal.",
    }


def test_individuals_tell_their_types_and_relations() -> None:
    turtle = """
    :Claim_1 a :Claim, :ReportedClaim, owl:NamedIndividual ; rdfs:label "Claim 1" ; :triggeredBy :Event_1 ;
        :reportingDate "2024-07-05"^^xsd:date ; rdfs:seeAlso <https://example.com/elsewhere> .
    :Event_1 a :Event ; rdfs:label "The flood" .
    :triggeredBy rdfs:label "triggered by" .
    """
    assert texts(turtle) == {
        "Claim_1": "Claim 1 (Claim, Reported Claim)\nReporting date: 2024-07-05.\nTriggered by: The flood.",
        "Event_1": "The flood (Event)",
    }


def test_several_labels_and_definitions_make_one_document() -> None:
    turtle = """
    :Agent a owl:Class ; rdfs:label "Insurance Agent"@en, "Agent"@en, "Agent" ;
        rdfs:comment "Sells.", "Acts." ;
        skos:definition "Represents." ; dcterms:description "Acts." ; skos:altLabel "Broker" .
    """
    assert texts(turtle) == {
        "Agent": "Agent / Insurance Agent (class)\nActs.\nRepresents.\nSells.\nAlso called: Broker."
    }


def test_labels_of_any_language_count() -> None:
    assert texts(':Skoda a owl:Class ; rdfs:label "škoda"@sk .') == {"Skoda": "škoda (class)"}


def test_class_expressions_are_put_simply_or_left_out() -> None:
    turtle = """
    :A a owl:Class ; rdfs:subClassOf
        [ a owl:Restriction ; owl:onProperty :hasRisk ; owl:someValuesFrom [ owl:unionOf (:Fire :Flood) ] ],
        [ a owl:Restriction ; owl:onProperty :hasRisk ; owl:minCardinality 1 ],
        [ owl:complementOf :B ], [ :strange :thing ] .
    """
    assert texts(turtle) == {
        "A": "A (class)\nKind of: has risk at least 1; has risk some Fire or Flood; not B."
    }


def test_qualified_restrictions_and_other_expressions() -> None:
    turtle = """
    :A a owl:Class ; rdfs:subClassOf
        [ owl:onProperty :hasDriver ; owl:minQualifiedCardinality 1 ; owl:onClass :Person ],
        [ owl:onProperty :hasAge ; owl:maxQualifiedCardinality 1 ; owl:onDataRange xsd:integer ],
        [ owl:onProperty :hasPart ; owl:qualifiedCardinality 2 ; owl:onClass [ owl:unionOf (:B :C) ] ],
        [ owl:onProperty [ owl:inverseOf :covers ] ; owl:someValuesFrom :Policy ],
        [ owl:onProperty :insures ; owl:hasSelf true ],
        [ owl:onProperty :hasAge ; owl:allValuesFrom [ owl:onDatatype xsd:integer ;
            owl:withRestrictions ([ xsd:minInclusive 18 ] [ xsd:maxExclusive 80 ]) ] ] ;
        owl:disjointUnionOf (:B :C) ; owl:hasKey (:number :year) .
    :uncle a owl:ObjectProperty ; owl:propertyChainAxiom (:parent :brother) .
    """
    assert texts(turtle) == {
        "A": "A (class)\nKind of: has age at most 1 integer; has age only integer from 18 under 80; "
        "has driver at least 1 Person; has part exactly 2 B or C; insures itself; "
        "inverse of covers some Policy."
        "\nOne of: B or C.\nTold apart by: number and year.",
        "uncle": "uncle (object property)\nFollows from: parent then brother.",
    }


XL = "@prefix xl: <http://www.w3.org/2008/05/skos-xl#> .\n"


def test_labels_and_notes_that_are_resources_are_told_by_their_words() -> None:
    turtle = (
        XL
        + """
    :c1 a skos:Concept ; xl:prefLabel :l1 ; xl:altLabel :l2, [ xl:literalForm "kryť" ] ; skos:broader :c2 ;
        skos:definition :d1 ; skos:note [ rdf:value "Pozri zákon." ] ; skos:altLabel "poistenie" .
    :c2 a skos:Concept ; xl:prefLabel [ a xl:Label ; xl:literalForm "zmluva" ] .
    :l1 a xl:Label ; xl:literalForm "poistná zmluva" .
    :l2 a xl:Label ; xl:literalForm "poistka" .
    :d1 a :Note ; rdf:value "Zmluva o poistení." . :c2 skos:scopeNote :d2 .
    :d2 a :Note ; rdf:value "Len písomná." .
    :price a :Money ; rdf:value "5" ; rdfs:label "five" .
    """
    )
    assert texts(turtle) == {
        "c1": "poistná zmluva (Concept)\nZmluva o poistení.\nAlso called: kryť; poistenie; poistka."
        "\nBroader: zmluva.\nNote: Pozri zákon.",
        "c2": "zmluva (Concept)\nScope note: Len písomná.",
        "price": "five (Money)\nValue: 5.",
    }


def test_definitions_and_synonyms_of_obo() -> None:
    turtle = """@prefix obo: <http://purl.obolibrary.org/obo/> .
    @prefix oio: <http://www.geneontology.org/formats/oboInOwl#> .
    :X1 a owl:Class ; rdfs:label "loss" ; obo:IAO_0000115 "What is lost." ; oio:hasExactSynonym "damage" .
    """
    assert texts(turtle) == {"X1": "loss (class)\nWhat is lost.\nAlso called: damage."}


THESAURUS = (
    PREFIXES
    + """
:c1 a skos:Concept ; skos:prefLabel "zmluva"@sk, "contract"@en, "Vertrag"@de-AT ; skos:broader :c2, :c3 ;
    skos:definition "Dohoda."@sk, "An agreement."@en ; skos:notation "K1" ; :hasPart :c4 ; :p5 :c4 .
:c2 a skos:Concept ; skos:prefLabel "právny úkon"@sk, "legal act"@en .
:c3 a skos:Concept ; skos:prefLabel "act"@en .
:c4 a skos:Concept ; skos:prefLabel "podpis"@SK .
:hasPart a owl:ObjectProperty . :p5 a owl:ObjectProperty ; rdfs:label "is signed by"@en .
"""
)


def test_texts_are_taken_in_the_languages_asked_for() -> None:
    reader = memory_reader({"o.ttl": THESAURUS.encode()})
    source = SOURCE.model_copy(update={"languages": ("sk",)})
    records = list(source.read_in_order(reader))
    assert {record.id[-2:]: record.text for record in records if isinstance(record, Document)} == {
        "c1": "zmluva (Concept)\nDohoda.\nHas part: podpis.\nBroader: právny úkon.\nNotation: K1.",
        "c2": "právny úkon (Concept)",
        "c4": "podpis (Concept)",
    }
    assert sorted(record.reason for record in records if isinstance(record, Filtered)) == [
        "no label in the languages asked for",
        "no label in the languages asked for",
        "nothing but a type",
    ]
    german = SOURCE.model_copy(update={"languages": ("de",)})
    (document,) = (record for record in german.read_in_order(reader) if isinstance(record, Document))
    assert document.text == "Vertrag (Concept)\nNotation: K1."


def test_languages_are_those_of_hygiene_unless_set() -> None:
    reader = memory_reader({"o.ttl": THESAURUS.encode()})
    source = Ontology.model_validate(
        {"group": "g", "where": "x", "hygiene": {"languages": ["en"]}, "files": ["*.ttl"]}
    )
    titles = {
        record.metadata["title"] for record in source.read_in_order(reader) if isinstance(record, Document)
    }
    assert titles == {"contract", "legal act", "act", "is signed by"}
    other = source.model_copy(update={"languages": ("sk",)})
    titles = {
        record.metadata["title"] for record in other.read_in_order(reader) if isinstance(record, Document)
    }
    assert titles == {"zmluva", "právny úkon", "podpis"}


PARTS = {
    "core.ttl": ':N12 a owl:Class ; rdfs:label "retention"@en ; rdfs:comment "Borne." ;\n'
    "rdfs:subClassOf :N3, _:x . _:x owl:unionOf (:N3 :N12) .",
    "names.ttl": ':N12 a owl:Class ; rdfs:label "spoluúčasť"@sk . :N3 rdfs:label "podiel"@sk .\n'
    '_:x rdfs:label "other" .',
    "upper.nt": "",
}
PARTS = {name: PREFIXES + text for name, text in PARTS.items()} | {
    "upper.nt": "<http://example.org/o#N3> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> "
    "<http://www.w3.org/2002/07/owl#Class> .\n"
    '<http://example.org/o#N3> <http://www.w3.org/2000/01/rdf-schema#label> "share"@en .\n'
}


def test_the_files_of_a_location_are_one_graph() -> None:
    reader = memory_reader({name: text.encode() for name, text in PARTS.items()})
    expected = {
        "http://example.org/o#N12": "retention / spoluúčasť (class)\nBorne."
        "\nKind of: podiel / share; podiel / share or retention / spoluúčasť.",
        "http://example.org/o#N3": "podiel / share (class)",
    }
    orders = set()
    for records in [SOURCE.read_in_order(reader), *(SOURCE.read_shuffled(reader, seed=s) for s in range(9))]:
        documents = [record for record in records if isinstance(record, Document)]
        assert {document.id: document.text for document in documents} == expected
        orders.add(tuple(document.id for document in documents))
    assert len(orders) == 2


def test_relative_iris_and_blank_nodes_of_two_files_are_two() -> None:
    one = PREFIXES + '<#A> a owl:Class ; rdfs:label "one" ; rdfs:seeAlso _:b . _:b a :K ; rdfs:label "x" .'
    rdf = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
        xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#"><rdf:Description rdf:nodeID="b">
        <rdfs:label>three</rdfs:label></rdf:Description></rdf:RDF>"""
    contents = {"a.ttl": one, "b c.ttl": one.replace("one", "two"), "d.rdf": rdf}
    reader = memory_reader({name: text.encode() for name, text in contents.items()})
    documents = {
        record.id: record.text for record in SOURCE.read_in_order(reader) if isinstance(record, Document)
    }
    assert documents == {
        "https://calibset.invalid/a.ttl#A": "one (class)",
        "https://calibset.invalid/b%20c.ttl#A": "two (class)",
    }


def test_many_files_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ontology_graph, "LARGEST_GRAPH", 2**15)
    text = PREFIXES + " ".join(f':C{n} a owl:Class ; rdfs:label "c" .' for n in range(10))
    assert len(read(text)) == 10
    reader = memory_reader({name: text.encode() for name in ("a.ttl", "b.ttl")})
    with pytest.raises(
        SourceError, match=r"^b\.ttl: too large \(.*\); read fewer of them together with files"
    ):
        list(SOURCE.read_in_order(reader))


CLASS = '<http://example.org/o#A> a <http://www.w3.org/2002/07/owl#Class> ; <urn:p> "č" .\n'
QUAD = (
    "<urn:a> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <urn:K> <urn:graph> .\n"
    '<urn:a> <urn:says> "č" _:g .\n'
)
XML = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://x.org/o#">
<rdf:Description rdf:about="urn:a"><rdf:type rdf:resource="urn:K"/><x:says>č</x:says></rdf:Description>
</rdf:RDF>"""


@pytest.mark.parametrize("name", ["o.owl", "o.ttl", "o.rdf", "o.nt", "o", "o.xml"])
@pytest.mark.parametrize(
    "content",
    [
        CLASS.encode(),
        f"# a comment\n\n{PREFIXES}{CLASS}".encode(),
        f"\ufeff{PREFIXES}{CLASS}".encode(),
        f"{PREFIXES}{CLASS}".encode("utf-16"),
        QUAD.encode(),
        XML.encode(),
        f"\ufeff<?xml version='1.0'?>\n<!-- <html> -->\n{XML}".encode(),
        f"<?xml version='1.0' encoding='windows-1250'?>{XML}".encode("cp1250"),
        f"<?xml version='1.0' encoding='utf-16'?>{XML}".encode("utf-16"),
    ],
    ids=["statement", "comment", "mark", "utf-16", "quads", "xml", "xml mark", "xml cp1250", "xml utf-16"],
)
def test_a_file_is_what_it_holds_whatever_its_name(name: str, content: bytes) -> None:
    (file,) = memory_reader({name: content}).files("*")
    (record,) = SOURCE.read(file)
    assert isinstance(record, Document)
    assert "č" in record.text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<?xml version="1.0"?>\n<Ontology xmlns="http://www.w3.org/2002/07/owl#"/>', "OWL/XML is not read"),
        ('{"@id": "urn:a"}', "JSON-LD is not read"),
        ('[\n {"@id": "urn:a"}]', "JSON-LD is not read"),
        ("format-version: 1.2\n", "OBO is not read"),
        ("Prefix(:=<urn:a>)\nOntology(<urn:o>)", "OWL functional syntax is not read"),
        ("Prefix: : <urn:a>\nOntology: <urn:o>", "Manchester syntax is not read"),
        ("<!DOCTYPE html>\n<html lang='en'>", "a web page (HTML), no ontology"),
    ],
)
def test_what_is_not_read_is_named(text: str, reason: str) -> None:
    with pytest.raises(SourceError) as fault:
        read(text, "o.owl")
    assert str(fault.value).startswith(f"o.owl: {reason}; ")


def test_a_location_with_unread_formats_only_names_them() -> None:
    reader = memory_reader({"a/o.jsonld": b"{}", "README.md": b""})
    with pytest.raises(
        SourceError, match=r"^memory: holds JSON-LD \(\*\.jsonld\), which is not read; save it as"
    ):
        SOURCE.select_files(reader)
    with pytest.raises(SourceError, match="no file matches"):
        SOURCE.select_files(memory_reader({"README.md": b""}))


def test_turtle_that_is_no_utf8_is_an_error() -> None:
    turtle = PREFIXES + ':A rdfs:comment "Poistník oznámi poisťovni vznik škody bez zbytočného odkladu." .'
    (file,) = memory_reader({"o.ttl": turtle.encode("cp1250")}).files("*")
    with pytest.raises(SourceError) as fault:
        list(SOURCE.read(file))
    assert str(fault.value) == (
        "o.ttl: not valid UTF-8, as Turtle has to be (o.ttl is perhaps cp1250); save it as UTF-8"
    )


def test_compressed_files_are_found() -> None:
    reader = memory_reader({"o.owl.gz": gzip.compress(CLASS.encode())})
    assert [record.id for record in SOURCE.read_in_order(reader) if isinstance(record, Document)] == [
        "http://example.org/o#A"
    ]


def test_lists_that_lead_back_into_themselves_end() -> None:
    turtle = """
    :A a owl:Class ; rdfs:label "A" ; rdfs:subClassOf _:u .
    _:u owl:unionOf _:l . _:l rdf:first _:u ; rdf:rest _:l .
    """
    assert texts(turtle) == {"A": "A (class)"}


def test_expressions_that_share_their_parts_do_not_multiply() -> None:
    levels = "".join(f"_:e{n} owl:unionOf ({' '.join([f'_:e{n + 1}'] * 100)}) .\n" for n in range(4))
    assert texts(':A a owl:Class ; rdfs:label "A" ; rdfs:subClassOf _:e0 .' + levels) == {"A": "A (class)"}


def test_what_is_nothing_but_a_type_is_set_aside() -> None:
    assert read(PREFIXES + ":A a owl:Class . :x a owl:Ontology . [] a owl:Class ; rdfs:label 'blank' .") == [
        Filtered(position="o.ttl: http://example.org/o#A", reason="nothing but a type")
    ]


def test_the_order_is_that_of_the_iris() -> None:
    turtle = " ".join(f':C{n} a owl:Class ; rdfs:label "c" .' for n in (3, 1, 2))
    assert list(texts(turtle)) == ["C1", "C2", "C3"]


def test_the_title_is_metadata() -> None:
    (record,) = read(PREFIXES + ':A a owl:Class ; rdfs:label "Alpha" .')
    assert isinstance(record, Document)
    assert record.id == "http://example.org/o#A"
    assert record.metadata == {"title": "Alpha"}


@pytest.mark.parametrize(
    ("turtle", "start"),
    [
        (PREFIXES + "\n:A a owl:Class ;;; rdfs:label .\n", "o.ttl:9: not valid turtle ("),
        (PREFIXES + ':A rdfs:label "never closed', "o.ttl:8: not valid turtle ("),
        (PREFIXES + ':A rdfs:label\n"one",\n"two",\n"never closed', "o.ttl:11: not valid turtle ("),
        ("nope:A a nope:B .", "o.ttl:1: not valid turtle ("),
        ("[" * 20_000, "o.ttl: not valid turtle ("),
        ("\0\x01", "o.ttl:1: not valid turtle ("),
    ],
)
def test_invalid_turtle_is_an_error(turtle: str, start: str) -> None:
    with pytest.raises(SourceError) as fault:
        read(turtle)
    assert str(fault.value).startswith(start)
    assert str(fault.value).endswith("correct it, fetch it again, or leave it out with files = [...]")


def test_triples_of_one_line_each_and_xml() -> None:
    triple = '<urn:a> <http://www.w3.org/2000/01/rdf-schema#label> "A" .\n'
    typed = "<urn:a> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <urn:Kind> .\n"
    assert read(triple + typed, "o.nt") == [Document(id="urn:a", text="A (Kind)", metadata={"title": "A"})]
    with pytest.raises(SourceError, match=r"^o\.rdf: not valid xml \("):
        read("<rdf:RDF", "o.rdf")


def test_entities_of_xml_reach_no_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    xml = f"""<!DOCTYPE r [<!ENTITY x SYSTEM "file://{secret}">]>
    <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
             xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#">
    <rdf:Description rdf:about="urn:a">
        <rdf:type rdf:resource="urn:K"/><rdfs:label>A &x;</rdfs:label>
    </rdf:Description>
    </rdf:RDF>"""
    (record,) = read(xml, "o.owl")
    assert isinstance(record, Document)
    assert record.text == "A (K)"


def test_literals_stay_as_they_are_written_and_nothing_is_logged(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    turtle = ':a a :B ; :x "1E99999999"^^xsd:decimal ; :y "no date"^^xsd:date ; :z "007"^^xsd:integer .'
    kind_with_space = ":a a <http://example.org/o#no iri> ; :x 1 ."
    normalize = rdflib.NORMALIZE_LITERALS
    with caplog.at_level(logging.DEBUG):
        assert texts(turtle) == {"a": "a (B)\nX: 1E99999999.\nY: no date.\nZ: 007."}
        assert texts(kind_with_space) == {"a": "a (no iri)\nX: 1."}
    assert caplog.records == []
    assert capsys.readouterr() == ("", "")
    assert rdflib.NORMALIZE_LITERALS is normalize


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("o.ttl", PREFIXES + ':a a :K ; :x "1E99999999"^^xsd:decimal ; :y 007 ; :z "no date"^^xsd:date .'),
        ("o.nt", f'<urn:a> <{rdflib.RDF.type}> <urn:K> .\n<urn:a> <urn:x> "007"^^<{rdflib.XSD.integer}> .'),
        (
            "o.owl",
            f'<rdf:RDF xmlns:rdf="{rdflib.RDF}" xmlns:x="urn:"><x:K rdf:about="urn:a">'
            f'<x:x rdf:datatype="{rdflib.XSD.integer}">007</x:x></x:K></rdf:RDF>',
        ),
    ],
)
def test_a_parse_changes_nothing_for_other_threads(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, text: str
) -> None:
    def use_rdflib() -> rdflib.Literal:
        rdflib.URIRef("urn:no iri")  # of which the library warns
        return rdflib.Literal("007", datatype=rdflib.XSD.integer)

    add = ontology_graph.OntologyGraph.add
    elsewhere: list[rdflib.Literal] = []
    own: list[object] = []

    def add_and_look(graph: ontology_graph.OntologyGraph, triple: tuple[object, object, object]) -> object:
        elsewhere.append(others.submit(use_rdflib).result())
        own.append(triple[2])
        return add(graph, triple)

    monkeypatch.setattr(ontology_graph.OntologyGraph, "add", add_and_look)
    with ThreadPoolExecutor(1) as others:
        others.submit(int).result()
        (record,) = read(text, name)
    assert isinstance(record, Document)
    assert "007" in record.text or "1E99999999" in record.text
    assert len(elsewhere) == len(own) > 1
    assert all((str(literal), literal.value) == ("7", 7) for literal in elsewhere)
    assert all(literal.value is None for literal in own if isinstance(literal, rdflib.Literal))
    assert len(caplog.records) == len(elsewhere)


def test_relative_iris_do_not_depend_on_the_working_folder() -> None:
    (record,) = read('@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . <#a> a <#B> ; rdfs:label "A" .')
    assert isinstance(record, Document)
    assert record.id == "https://calibset.invalid/o.ttl#a"


def rdf_xml(body: str, declared: str = "", more: str = "") -> str:
    """Return RDF/XML that gives `urn:a` a type and the properties of the body."""
    return f"""<!DOCTYPE r [{declared}]>
    <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://x.org/o#" {more}>
    <rdf:Description rdf:about="urn:a"><rdf:type rdf:resource="urn:K"/>{body}</rdf:Description></rdf:RDF>"""


@pytest.mark.parametrize(
    "base", ["http://y.org/o", "http://y.org/a/o;p?q=", "http://y.org", "urn:y", "file:///y/o"]
)
@pytest.mark.parametrize(
    "iri",
    [
        "#a",
        "#a b",
        "#",
        "",
        "a",
        "../a#b",
        "http://x.org/./a#b",
        "http://x.org#",
        "http:a",
        "HTTP://x.org?",
        "urn:a",
    ],
)
def test_iris_of_xml_are_relative_to_the_base(base: str, iri: str) -> None:
    (record,) = read(rdf_xml("<x:says>A</x:says>", more=f'xml:base="{base}"').replace("urn:a", iri), "o.owl")
    assert isinstance(record, Document)
    assert record.id.removesuffix("#") == urljoin(base, iri).removesuffix("#")


def test_entities_for_namespaces_are_read() -> None:
    declared = '<!ENTITY o "http://x.org/o#"><!ENTITY k "&o;Kind">'
    (record,) = read(rdf_xml('<x:about rdf:resource="&k;"/><x:says>&k;</x:says>', declared), "o.owl")
    assert isinstance(record, Document)
    assert record.text == "a (K)\nSays: http://x.org/o#Kind."


@pytest.mark.slow
def test_entities_of_entities_fill_no_memory() -> None:
    declared = '<!ENTITY e0 "lollollol">' + "".join(
        f'<!ENTITY e{level + 1} "{f"&e{level};" * 10}">' for level in range(9)
    )
    tracemalloc.start()
    try:
        with pytest.raises(SourceError, match=r"^o\.owl: (not valid xml|too large) \("):
            read(rdf_xml("<x:b>&e9;</x:b>", declared), "o.owl")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**27


BOMBS = {
    "prefixed names": (
        "o.ttl",
        f"@prefix a: <http://{'x' * 10_000}/> . a:s a:p " + ", ".join(f"a:{n}" for n in range(200)) + " .",
    ),
    "relative names": (
        "o.ttl",
        f"@base <http://{'x' * 10_000}/> . <s> <p> " + ", ".join(f"<{n}>" for n in range(200)) + " .",
    ),
    "prefixes": (
        "o.ttl",
        f"@base <http://{'x' * 10_000}/> . " + "".join(f"@prefix a{n}: <a{n}> . " for n in range(200)),
    ),
    "a list": ("o.ttl", f"<s> <p> ({'1.1 ' * 10_000}) ."),
    "objects": ("o.ttl", f"<s> <p> {'1.1, ' * 10_000} 1.2 ."),
    "statements": ("o.nt", "".join(f"<urn:s> <urn:p> <urn:{n}> .\n" for n in range(2_000))),
    "names in xml": (
        "o.owl",
        rdf_xml("".join(f"<y:p{n}>a</y:p{n}>" for n in range(200)), "", f'xmlns:y="urn:{"y" * 10_000}"'),
    ),
    "relative names in xml": (
        "o.owl",
        rdf_xml(
            "".join(f'<x:p rdf:resource="{n}"/>' for n in range(200)),
            "",
            f'xml:base="http://{"y" * 10_000}/"',
        ),
    ),
    "default attributes": (
        "o.owl",
        rdf_xml("<x:p/>" * 200, f'<!ATTLIST x:p x:q CDATA "{"z" * 10_000}">'),
    ),
    "entities": ("o.owl", rdf_xml(f"<x:p>{'&e;' * 200}</x:p>", f'<!ENTITY e "{"e" * 10_000}">')),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_stands_for_more_than_it_has_is_bounded(monkeypatch: pytest.MonkeyPatch, bomb: str) -> None:
    monkeypatch.setattr(ontology_graph, "LARGEST_GRAPH", 2**20)
    name, text = BOMBS[bomb]
    with pytest.raises(SourceError) as caught:
        read(text, name)
    assert str(caught.value) == (
        f"{name}: too large (it takes more than 1,048,576 bytes of memory); "
        "split it, or leave it out with files = [...]"
    )


@pytest.mark.parametrize(
    ("iri", "reason"),
    [
        ("x" * 2**16, "an IRI has more than 65,536 characters"),
        ("../" * 101, "an IRI goes up more than 100 steps"),
    ],
)
def test_an_iri_that_takes_long_to_resolve_is_refused(iri: str, reason: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(f"<urn:s> <urn:p> <{iri}> .", "o.ttl")
    assert str(caught.value) == (f"o.ttl: too large ({reason}); split it, or leave it out with files = [...]")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("o.ttl", f"<s> <p> {'1,' * 500} 1 ."),
        ("o.nt", "<urn:s> <urn:p> <urn:o> .\n" * 500),
        ("o.owl", rdf_xml("<x:p/>" * 500)),
    ],
)
def test_a_file_of_more_terms_than_its_size_lets_expect_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setattr(ontology_graph, "_FREE_TERMS", 0)
    monkeypatch.setattr(ontology_graph, "_FREE_BYTES", 0)
    monkeypatch.setattr(ontology_graph, "_BYTES_PER_TERM", 100)
    with pytest.raises(SourceError) as caught:
        read(text, name)
    assert str(caught.value) == (
        f"{name}: too large (it names more than {len(text) // 100:,} terms, too many for its size); "
        "split it, or leave it out with files = [...]"
    )


@pytest.mark.parametrize(
    ("literal", "text"),
    [
        (r'"a \"b\" \\ c"', 'a "b" \\ c'),
        (r"'it\'s'", "it's"),
        ('"""one "two" three"""', 'one "two" three'),
        ('"""ends on "two"""""', 'ends on "two""'),
        ("'''one\n''two'' three'''", "one ''two'' three"),
        (r'"č \u010d \U0001F600 \t."', "č č 😀 ."),
        ('""', ""),
    ],
)
def test_strings_of_turtle_are_read(literal: str, text: str) -> None:
    told = texts(f":a a :K ; rdfs:label {literal}, '😀' .")
    assert told == {"a": f"{text} / 😀 (K)" if text else "😀 (K)"}


@pytest.mark.parametrize("literal", [r'"\x"', '"a\nb"', r'"\U00110000"', '"""a""'])
def test_strings_that_are_no_turtle_are_errors(literal: str) -> None:
    with pytest.raises(SourceError, match=r"^o\.ttl:\d+: not valid turtle \("):
        read(f"{PREFIXES}:a a :K ; rdfs:label {literal} .")


def test_markup_in_a_literal_of_xml_stands_as_it_is_written() -> None:
    markup = 'a &amp; <x:b x:c="1">d<e xmlns="">f</e></x:b> g<h xmlns=""></h>'
    (record,) = read(rdf_xml(f'<x:p rdf:parseType="Literal">{markup}</x:p><x:q>q</x:q>'), "o.owl")
    assert isinstance(record, Document)
    assert record.text == (
        'a (K)\nP: a &amp; <x:b xmlns:x="http://x.org/o#" x:c="1">d<e>f</e></x:b> g<h></h>.\nQ: q.'
    )


LONG = f"http://{'x' * 2**14}/"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "o.ttl",
            "".join(f"@prefix p{n}: <urn:{n}> .\n" for n in range(20_001)),
            "it declares more than 20,000 prefixes",
        ),
        ("o.ttl", f"@prefix a: <{LONG}> .", "a prefix or base has more than 16,384 characters"),
        ("o.ttl", f"@base <{LONG}> . <a> <b> <c> .", "a prefix or base has more than 16,384 characters"),
        ("o.owl", rdf_xml("", "", f'xmlns:y="{LONG}"'), "a prefix or base has more than 16,384 characters"),
        ("o.owl", rdf_xml("", "", f'xml:base="{LONG}"'), "a prefix or base has more than 16,384 characters"),
        ("o.owl", rdf_xml("<x:p>" * 2_000), "it nests more than 1,000 elements"),
        (
            "o.owl",
            rdf_xml("<x:p " + " ".join(f"x:a{n}='1'" for n in range(1_001)) + "/>"),
            "an element has more than 1,000 attributes",
        ),
        ("o.owl", rdf_xml(f"<x:p x:a='{'a' * 2**21}'/>"), "a tag or comment has more than 1,048,576 bytes"),
        ("o.owl", rdf_xml(f"<!--{'a' * 2**21}-->"), "a tag or comment has more than 1,048,576 bytes"),
        (
            "o.owl",
            rdf_xml(f'<x:p rdf:parseType="Literal">{"<b/>" * 2**14}</x:p>'),
            "a literal has more than 65,536 characters",
        ),
        (
            "o.owl",
            rdf_xml("", "", " ".join(f'xmlns:y{n}="urn:{n}"' for n in range(1_001))),
            "it declares more than 1,000 prefixes in one place",
        ),
        ("o.owl", rdf_xml(f"<x:p>{'a' * 2**16}a</x:p>"), "a literal has more than 65,536 characters"),
    ],
)
def test_what_no_ontology_has_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    monkeypatch.setattr(rdf_xml_parser, "MAX_RECORD_BYTES", 2**16)
    with pytest.raises(SourceError) as caught:
        read(text, name)
    assert str(caught.value) == (f"{name}: too large ({said}); split it, or leave it out with files = [...]")


def test_a_file_that_is_too_large_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "MAX_WHOLE_FILE_BYTES", 2**20)
    (file,) = memory_reader({"o.ttl.gz": gzip.compress(b" " * 2**21)}).files("*")
    with pytest.raises(
        SourceError, match=r"^o\.ttl\.gz: holds more than 1,048,576 bytes, too many for a file"
    ):
        list(SOURCE.read(file))


def test_a_subject_with_too_much_to_tell_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ontology, "MAX_RECORD_BYTES", 2**16)
    turtle = f':a a :K ; rdfs:comment "{"a" * 2**16}" . :b a :K ; rdfs:comment "b" .'
    first, second = read(PREFIXES + turtle)
    assert first == Rejection(
        position="o.ttl: http://example.org/o#a", reason="record too long", excerpt="a (K)\n" + "a" * 194
    )
    assert isinstance(second, Document)


def test_a_very_long_label_stands_once_only() -> None:
    label = "word " * 500
    told = texts(f':a a :K ; rdfs:label "{label}" . :K rdfs:label "{label}" . :b a :K ; :to :a .')
    assert told == {"a": f"{label.strip()} (K)", "b": "b (K)\nTo: a."}


def test_literals_of_xml_become_no_tree() -> None:
    text = "<a/>" * 50_000
    tracemalloc.start()
    try:
        (record,) = read(PREFIXES + f':a a :K ; :p "{text}"^^rdf:XMLLiteral .')
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(record, Document)
    assert record.text == f"a (K)\nP: {text}."
    assert peak < 30 * len(text)
    assert rdflib.Literal("5", datatype=rdflib.XSD.integer).value == 5


def test_a_long_literal_of_xml_is_read_whole() -> None:
    text = "line\n" * 100_000
    (record,) = read(rdf_xml(f"<x:p>{text}</x:p>"), "o.owl")
    assert isinstance(record, Document)
    assert record.text.count("line") == 100_000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("o.ttl", "<http://127.0.0.1:9/o> a owl:Ontology ; owl:imports <http://127.0.0.1:9/other> ."),
        ("o.owl", '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/r.dtd">' + rdf_xml("").partition("]>")[2]),
        (
            "o.owl",
            rdf_xml(
                "<x:p>&e;</x:p>",
                '<!ENTITY e SYSTEM "http://127.0.0.1:9/e"><!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;',
            ),
        ),
        ("o.jsonld", '{"@context": "http://127.0.0.1:9/context", "@id": "urn:a", "@type": "urn:K"}'),
    ],
    ids=["imports", "document type", "entities", "context"],
)
def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch, name: str, text: str) -> None:
    asked: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: asked.append(address))
    if name == "o.jsonld":
        with pytest.raises(SourceError, match=r"^o\.jsonld: JSON-LD is not read; save it as Turtle"):
            read(text, name)
    else:
        assert len(read(PREFIXES + text if name == "o.ttl" else text, name)) <= 1
    assert asked == []
