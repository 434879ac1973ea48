from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest
import rdflib

from calibset.document import Document, Record, SetAside
from calibset.errors import SourceError
from calibset.sources.ontology import Ontology
from calibset.storage.files import in_memory

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
    (file,) = in_memory({name: turtle.encode()}).files("*")
    return list(SOURCE.read(file))


def texts(turtle: str) -> dict[str, str]:
    return {
        record.id.removeprefix("http://example.org/o#"): record.text
        for record in read(PREFIXES + turtle)
        if isinstance(record, Document)
    }


def test_a_class_is_told_by_label() -> None:
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


def test_class_expressions_are_told_simply_or_left_out() -> None:
    turtle = """
    :A a owl:Class ; rdfs:subClassOf
        [ a owl:Restriction ; owl:onProperty :hasRisk ; owl:someValuesFrom [ owl:unionOf (:Fire :Flood) ] ],
        [ a owl:Restriction ; owl:onProperty :hasRisk ; owl:minCardinality 1 ],
        [ owl:complementOf :B ], [ :strange :thing ] .
    """
    assert texts(turtle) == {
        "A": "A (class)\nKind of: has risk at least 1; has risk some Fire or Flood; not B."
    }


def test_lists_that_lead_back_into_themselves_end() -> None:
    turtle = """
    :A a owl:Class ; rdfs:label "A" ; rdfs:subClassOf _:u .
    _:u owl:unionOf _:l . _:l rdf:first _:u ; rdf:rest _:l .
    """
    assert texts(turtle) == {"A": "A (class)"}


def test_expressions_that_share_their_parts_do_not_multiply() -> None:
    levels = "".join(f"_:e{n} owl:unionOf ({' '.join([f'_:e{n + 1}'] * 100)}) .\n" for n in range(4))
    began = time.perf_counter()
    assert texts(':A a owl:Class ; rdfs:label "A" ; rdfs:subClassOf _:e0 .' + levels) == {"A": "A (class)"}
    assert time.perf_counter() - began < 10


def test_what_is_nothing_but_a_type_is_set_aside() -> None:
    assert read(PREFIXES + ":A a owl:Class . :x a owl:Ontology . [] a owl:Class ; rdfs:label 'blank' .") == [
        SetAside(place="o.ttl: http://example.org/o#A", reason="nothing but a type")
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
        (PREFIXES + ':A rdfs:label "never closed', "o.ttl: not valid turtle ("),
        ("nope:A a nope:B .", "o.ttl:1: not valid turtle ("),
        ("[" * 20_000, "o.ttl: not valid turtle ("),
        ("\0\x01", "o.ttl:1: not valid turtle ("),
    ],
)
def test_invalid_turtle_is_an_error(turtle: str, start: str) -> None:
    with pytest.raises(SourceError) as fault:
        read(turtle)
    assert str(fault.value).startswith(start)
    assert str(fault.value).endswith("mend it, fetch it again, or leave it out with files = [...]")


def test_other_formats_go_by_suffix() -> None:
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


def test_literals_are_told_as_they_are_written_and_quietly(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    turtle = ':a a :B ; :x "1E99999999"^^xsd:decimal ; :y "no date"^^xsd:date ; :z "007"^^xsd:integer .'
    normalize = rdflib.NORMALIZE_LITERALS
    with caplog.at_level(logging.DEBUG):
        assert texts(turtle) == {"a": "a (B)\nX: 1E99999999.\nY: no date.\nZ: 007."}
    assert caplog.records == []
    assert capsys.readouterr() == ("", "")
    assert rdflib.NORMALIZE_LITERALS is normalize


def test_relative_iris_do_not_depend_on_the_working_folder() -> None:
    (record,) = read('@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . <#a> a <#B> ; rdfs:label "A" .')
    assert isinstance(record, Document)
    assert record.id == "https://calibset.invalid/#a"
