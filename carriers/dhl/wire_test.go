package dhl

import (
	"encoding/json"
	"os"
	"testing"
)

// BenchmarkDecode reads the same answer as BenchmarkReceiveWebhook into the wire
// structs alone: what the mapping costs is the difference.
func BenchmarkDecode(b *testing.B) {
	body, err := os.ReadFile("testdata/express-delivered/response.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var answer wireAnswer
		if err := json.Unmarshal(body, &answer); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecodePlain reads it into structs of plain strings and slices, without the
// leniency that the adapter's types have.
func BenchmarkDecodePlain(b *testing.B) {
	body, err := os.ReadFile("testdata/express-delivered/response.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	type place struct {
		Address struct {
			CountryCode, PostalCode, AddressLocality string
		}
	}
	type event struct {
		Timestamp, StatusCode, Status, StatusDetailed, Description, Remark string
		Location                                                           place
	}
	type answer struct {
		Shipments []struct {
			ID                      json.Number
			Service                 string
			Origin, Destination     place
			Status                  event
			EstimatedTimeOfDelivery string
			Details                 struct {
				Product struct{ ProductName string }
				Pieces  int      `json:"totalNumberOfPieces"`
				IDs     []string `json:"pieceIds"`
				Weight  struct {
					Value    float64
					UnitText string
				}
				ProofOfDelivery struct {
					SignatureURL, DocumentURL string
					Signed                    struct{ Name, GivenName, FamilyName string }
				}
			}
			Events []event
		}
	}
	for b.Loop() {
		var a answer
		if err := json.Unmarshal(body, &a); err != nil {
			b.Fatal(err)
		}
	}
}
